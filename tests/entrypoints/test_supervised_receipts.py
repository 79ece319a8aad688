"""What the simulator and the API of one system have to know of each other, so that receipts get through."""

import base64
from pathlib import Path

import pytest

from dispatch.adapters.providers.simulator import changed, scenario_of
from dispatch.application.calling.line import Capability, ReceiptsBy
from dispatch.entrypoints.provider_file import Declared, declared_providers
from dispatch.entrypoints.settings import Settings
from dispatch.entrypoints.supervisor.failures import CannotStart
from dispatch.entrypoints.supervisor.receipts import with_receipts

OWN = f"whsec_{base64.b64encode(b'u' * 32).decode()}"


def notifier(settings: Settings) -> Declared:
    [one] = [each for each in declared_providers(settings) if each.spec.capability is Capability.NOTIFIER]
    return one


def test_both_have_one_secret_and_what_is_lost_is_asked_for_soon():
    settings, told = with_receipts(Settings(http_port=0), "repeating", 4711)
    assert told["receipts_to"] == f"http://127.0.0.1:{settings.http_port}/v1/receipts/notifier"
    assert settings.http_port == 4711, "the simulator has to know it before the API listens"
    [secret] = notifier(settings).receipt_secrets
    assert told["receipts_secret"] == f"whsec_{base64.b64encode(secret).decode()}"
    spec = notifier(settings).spec
    assert spec.receipts is ReceiptsBy.BOTH
    assert 2 < spec.receipt_within_s < 10
    assert changed(scenario_of("repeating"), told).receipts_copies == 3
    assert with_receipts(Settings(), "repeating", 4711)[1]["receipts_secret"] != told["receipts_secret"]


def test_what_somebody_has_said_about_receipts_stays():
    said = Settings(notifier_receipts="webhook", notifier_receipt_secrets=OWN, notifier_receipt_within_s=90.0)
    settings, told = with_receipts(said, "receipts", 4711)
    assert told["receipts_secret"] == OWN
    assert settings == said


@pytest.mark.parametrize("scenario", ["demo", "flapping", "mine.toml"])
def test_nothing_changes_where_there_are_no_receipts_or_their_place_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario: str
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(
        f'preset = "receipts"\nreceipts_to = "http://127.0.0.1:9"\nreceipts_secret = "{OWN}"\n', encoding="utf-8"
    )
    assert with_receipts(Settings(), scenario, 4711) == (Settings(), {})


def test_where_a_file_declares_the_providers_it_says_how_receipts_come():
    settings = Settings(providers_file="providers.toml")
    assert with_receipts(settings, "repeating", 4711) == (settings, {})


def test_a_scenario_that_nobody_knows_is_said_before_anything_is_started():
    with pytest.raises(CannotStart) as refused:
        with_receipts(Settings(), "stormy", 4711)
    assert refused.value.code == "scenario_unknown"
    assert "choose from calm, demo" in refused.value.what
