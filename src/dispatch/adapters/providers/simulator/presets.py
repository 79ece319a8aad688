"""The scenarios that have a name, and those that are files."""

import tomllib
from pathlib import Path

from dispatch.adapters.providers.simulator.scenario import CALM, Scenario, changed

PRESETS = {
    "calm": CALM,
    "demo": Scenario(
        failures_max=1,
        latency_ms=15,
        jitter_ms=10,
        unavailable=0.004,
        rate_limited=0.002,
        dropped=0.002,
        garbage=0.002,
        error_inside=0.001,
        lost_reply=0.001,
        no_such_contact=0.015,
        invalid_email=0.015,
        risky_email=0.02,
        unknown_email=0.005,
        no_such_mailbox=0.005,
    ),
    "flaky": Scenario(
        unavailable=0.04, rate_limited=0.03, dropped=0.03, garbage=0.03, error_inside=0.03, slow=0.01, lost_reply=0.03
    ),
    "garbage": Scenario(garbage=0.5),
    "rate_limited": Scenario(rate_limited=0.5),
    "slow": Scenario(slow=0.2),
    "receipts": Scenario(
        latency_ms=15, receipts_copies=1, receipts_delay_ms=300, receipts_jitter_ms=700, receipts_at_once=100
    ),
    "repeating": Scenario(
        latency_ms=15,
        receipts_copies=3,
        receipts_delay_ms=5,
        receipts_jitter_ms=2_000,
        receipts_lost=0.05,
        receipts_failed=0.02,
        receipts_contradicted=0.02,
        receipts_at_once=50,
    ),
    "flapping": Scenario(latency_ms=15, flap_up_s=20, flap_down_s=5),
    "rough": Scenario(
        latency_ms=15,
        jitter_ms=10,
        unavailable=0.02,
        rate_limited=0.01,
        dropped=0.01,
        garbage=0.01,
        lost_reply=0.01,
        flap_up_s=10,
        flap_down_s=3,
        flap_drops=True,
        receipts_copies=3,
        receipts_jitter_ms=2_000,
        receipts_lost=0.05,
        receipts_failed=0.02,
        receipts_contradicted=0.02,
        receipts_at_once=50,
    ),
}
"""Of those that send receipts, the caller says where to (`receipts_to`) and under which secret."""


def preset(name: str) -> Scenario:
    """The scenario of this name. Raises ValueError, which lists the names."""
    try:
        return PRESETS[name]
    except KeyError:
        raise ValueError(f"no scenario is called {name!r}: choose from {', '.join(PRESETS)}") from None


def scenario_of(text: str) -> Scenario:
    """The preset of this name, or the scenario in a TOML file: fields on top of its `preset`, or of `calm`.

    Raises:
        ValueError: no preset is called so, or the file cannot be used; says why.
    """
    if not text.endswith(".toml"):
        return preset(text)
    try:
        fields = tomllib.loads(Path(text).read_text(encoding="utf-8"))
        return changed(preset(str(fields.pop("preset", "calm"))), fields)
    except OSError as error:
        raise ValueError(f"the scenario {text} cannot be read ({type(error).__name__})") from error
    except ValueError as error:
        raise ValueError(f"the scenario {text} cannot be used: {error}") from error
