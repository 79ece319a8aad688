"""Receipts between the simulator and the API of one system: where they go, and the secret that both have."""

import os

import msgspec

from dispatch.application.calling.line import ReceiptsBy
from dispatch.application.webhooks.signing import secret_text
from dispatch.entrypoints.settings import Settings
from dispatch.entrypoints.supervisor.failures import CannotStart

SECRET_BYTES = 32
ASKED_AFTER_S = 5.0
"""After the latest receipt that the scenario can send."""


def with_receipts(settings: Settings, scenario: str, free_port: int) -> tuple[Settings, dict[str, str]]:
    """The settings by which the API takes the receipts of this scenario, and what the simulator has to know.

    Nothing is changed where the scenario sends none, says itself where to, or where a file declares the providers.

    Raises:
        CannotStart: there is no such scenario.
    """
    from dispatch.adapters.providers.simulator import scenario_of

    try:
        described = scenario_of(scenario)
    except ValueError as error:
        fix = "name one of docs/how_to/simulate_providers.md, or a TOML file"
        raise CannotStart("scenario_unknown", str(error), "--scenario", fix) from error
    if not described.receipts_copies or described.receipts_to or settings.providers_file:
        return settings, {}
    port = settings.http_port or free_port  # The simulator has to know it before the API listens.
    secret = settings.notifier_receipt_secrets.replace(",", " ").split()
    one = secret[0] if secret else secret_text(os.urandom(SECRET_BYTES))
    host = settings.http_host if settings.http_host != "0.0.0.0" else "127.0.0.1"  # noqa: S104 - compared, not bound
    changed = msgspec.structs.replace(settings, http_port=port)
    if not secret:  # Nobody has said how receipts come: so that none of the lost ones holds a job up for long.
        latest_s = (described.receipts_delay_ms + described.receipts_jitter_ms) / 1000
        changed = msgspec.structs.replace(
            changed,
            notifier_receipts=ReceiptsBy.BOTH.value,
            notifier_receipt_secrets=one,
            notifier_receipt_within_s=latest_s + ASKED_AFTER_S,
        )
    return changed, {"receipts_to": f"http://{host}:{port}/v1/receipts/notifier", "receipts_secret": one}
