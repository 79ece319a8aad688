"""The file of providers: what it may say, what stands in where it is silent, and what is wrong with a bad one."""

import base64
from pathlib import Path

import pytest

from dispatch.application.calling.line import Capability, InDoubt, ReceiptsBy
from dispatch.application.ports.limits import Rate
from dispatch.entrypoints.provider_file import declared_providers
from dispatch.entrypoints.settings import Settings, SettingsError

WHOLE = """
[[provider]]
name = "texter"
capability = "notifier"
url = "https://texter.example"
api_key_file = "{key}"
channels = ["sms"]
timeout_s = 5
in_flight_max = 20
calls = 25
per_s = 5
price_pence = 2.5
cap_pounds_a_day = 40
in_doubt = "person"

[[provider]]
name = "mailer"
capability = "notifier"
"""


def settings(path: Path | None, **more: object) -> Settings:
    return Settings(
        providers_file=str(path or ""),
        contact_finder_url="http://finder",
        email_verifier_url="http://verifier",
        notifier_url="http://notifier",
        provider_api_key="shared",
        **more,
    )


def written(folder: Path, text: str) -> Path:
    path = folder / "providers.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_there_is_one_provider_for_each_capability():
    found = declared_providers(settings(None))
    assert [(one.spec.name, one.url, one.api_key) for one in found] == [
        ("contact_finder", "http://finder", "shared"),
        ("email_verifier", "http://verifier", "shared"),
        ("notifier", "http://notifier", "shared"),
    ]
    assert {one.spec.in_doubt for one in found} == {InDoubt.REPEAT}


def test_everything_that_can_be_said_about_a_provider(tmp_path: Path):
    (tmp_path / "key").write_text("k3y\n", encoding="utf-8")
    found = declared_providers(settings(written(tmp_path, WHOLE.format(key=tmp_path / "key"))))
    assert [one.spec.name for one in found] == ["texter", "mailer", "contact_finder", "email_verifier"]
    texter, mailer = found[:2]
    assert (texter.url, texter.api_key, texter.timeout_s) == ("https://texter.example", "k3y", 5.0)
    spec = texter.spec
    assert (spec.capability, spec.channels, spec.in_flight_max) == (Capability.NOTIFIER, ("sms",), 20)
    assert spec.rate == Rate(per=25, seconds=5.0, burst=25)
    assert (spec.price_millipence, spec.cap_millipence) == (2_500, 4_000_000)
    assert spec.in_doubt is InDoubt.PERSON
    assert (mailer.url, mailer.api_key, mailer.spec.rate, mailer.spec.cap_millipence) == (
        "http://notifier",
        "shared",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[provider]]\nname = "a"\n', "missing required field `capability`"),
        ('[[provider]]\nname = "A B"\ncapability = "notifier"\n', "regex"),
        ('[[provider]]\nname = "a"\ncapability = "fax"\n', "Invalid enum value 'fax'"),
        ('[[provider]]\nname = "a"\ncapability = "notifier"\nprice = 2\n', "unknown field `price`"),
        ('[[provider]]\nname = "a"\ncapability = "notifier"\ntimeout_s = 0\n', "> 0"),
        ('[[provider]]\nname = "a"\ncapability = "notifier"\nchannels = ["fax"]\n', "Invalid enum value 'fax'"),
        ('[[provider]]\nname = "a"\ncapability = "notifier"\n' * 2, "two providers called a"),
        ('[[provider]]\nname = "a"\ncapability = "notifier"\napi_key_file = "/no/such"\n', "api_key_file of a"),
        ("[[provider]", "providers.toml"),
        ('[[provider]]\nname = "a"\ncapability = "notifier"\nreceipts = "fax"\n', "Invalid enum value 'fax'"),
        ('[[provider]]\nname = "a"\ncapability = "notifier"\nreceipts = "both"\n', "no secret to check them with"),
        ('[[provider]]\nname = "a"\ncapability = "notifier"\nreceipt_within_s = 0\n', "> 0"),
        ('[[provider]]\nname = "a"\ncapability = "notifier"\nreceipt_secrets_file = "/no/such"\n', "of a cannot"),
        ('[[provider]]\nname = "a"\ncapability = "email_verifier"\nreceipts = "ask"\n', "only a notifier has receipts"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(tmp_path: Path, text: str, said: str):
    with pytest.raises(SettingsError) as raised:
        declared_providers(settings(written(tmp_path, text)))
    assert str(raised.value).startswith("DISPATCH_PROVIDERS_FILE: ")
    assert said in str(raised.value)


@pytest.mark.acceptance("S.06", part="120 s, one call at once, 10 calls in 10 s: the providers' file says them")
def test_the_limits_of_the_old_system_can_be_said(tmp_path: Path):
    text = """
    [[provider]]
    name = "finder"
    capability = "contact_finder"
    timeout_s = 120
    in_flight_max = 1

    [[provider]]
    name = "verifier"
    capability = "email_verifier"
    calls = 10
    per_s = 10
    """
    finder, verifier = declared_providers(settings(written(tmp_path, text)))[:2]
    assert (finder.timeout_s, finder.spec.in_flight_max) == (120.0, 1)
    assert verifier.spec.rate == Rate(per=10, seconds=10.0, burst=10)


def test_a_file_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(SettingsError, match="cannot be read"):
        declared_providers(settings(tmp_path / "none.toml"))


SECRETS = [f"whsec_{base64.b64encode(letter * 32).decode()}" for letter in (b"o", b"n")]


@pytest.mark.parametrize("between", [",", "\n", " , "])
def test_a_notifier_may_send_its_receipts_under_secrets_of_its_own(tmp_path: Path, between: str):
    (tmp_path / "secrets").write_text(between.join(SECRETS) + "\n", encoding="utf-8")
    text = f'''
[[provider]]
name = "texter"
capability = "notifier"
receipts = "webhook"
receipt_within_s = 900
receipt_secrets_file = "{tmp_path / "secrets"}"

[[provider]]
name = "mailer"
capability = "notifier"
'''
    texter, mailer = declared_providers(settings(written(tmp_path, text)))[:2]
    assert (texter.spec.receipts, texter.spec.receipt_within_s) == (ReceiptsBy.WEBHOOK, 900.0)
    assert texter.receipt_secrets == (b"o" * 32, b"n" * 32)
    assert (mailer.spec.receipts, mailer.receipt_secrets) == (ReceiptsBy.ASK, ())


def test_a_bad_secret_is_said_and_not_repeated(tmp_path: Path):
    (tmp_path / "secrets").write_text("whsec_hush", encoding="utf-8")
    text = f'[[provider]]\nname = "a"\ncapability = "notifier"\nreceipt_secrets_file = "{tmp_path / "secrets"}"\n'
    with pytest.raises(SettingsError, match="a secret is whsec_") as raised:
        declared_providers(settings(written(tmp_path, text)))
    assert "hush" not in str(raised.value)


def test_the_notifier_of_the_settings_may_send_its_receipts_too():
    more = {"notifier_receipts": "both", "notifier_receipt_within_s": 60.0}
    [notifier] = declared_providers(settings(None, notifier_receipt_secrets=SECRETS[0], **more))[2:]
    assert (notifier.spec.receipts, notifier.spec.receipt_within_s) == (ReceiptsBy.BOTH, 60.0)
    assert notifier.receipt_secrets == (b"o" * 32,)
    with pytest.raises(SettingsError, match="no secret to check them with"):
        declared_providers(settings(None, **more))
