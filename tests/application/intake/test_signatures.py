"""Standard Webhooks: what is signed is believed, and nothing else."""

from datetime import UTC, datetime, timedelta
from secrets import token_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.application.intake.signatures import (
    MessageStale,
    SecretsInvalid,
    SignatureInvalid,
    Verification,
    read_secrets,
    sign,
    write_secret,
)

# From the documentation of the standard.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = datetime.fromtimestamp(AT, UTC)


def verify(
    secrets: str = SECRET, message_id: str = ID, timestamp: str = str(AT), signatures: str = SIGNATURE,
    body: bytes = BODY, now: datetime = NOW,
) -> None:  # fmt: skip
    verification = Verification(read_secrets(f"crm={secrets}")["crm"], message_id, timestamp, signatures, now)
    for at in range(0, len(body), 3):
        verification.update(body[at : at + 3])
    verification.finish()


def test_the_example_of_the_standard_holds():
    verify()
    assert sign(SECRET, ID, AT, BODY) == SIGNATURE


def test_two_secrets_are_believed_while_one_replaces_the_other():
    verify(secrets=f"{write_secret(token_bytes(32))},{SECRET}")
    verify(signatures=f"v1a,xyz v1,bm9uZQ== {SIGNATURE}")


@pytest.mark.parametrize(
    "changed",
    [
        {"body": BODY + b" "},
        {"body": b""},
        {"message_id": ID.lower()},
        {"message_id": ""},
        {"message_id": "a.b"},
        {"timestamp": str(AT + 1)},
        {"timestamp": "now"},
        {"timestamp": ""},
        {"signatures": ""},
        {"signatures": SIGNATURE.removeprefix("v1,")},
        {"signatures": SIGNATURE.replace("v1", "v2")},
        {"signatures": "v1,"},
        {"signatures": "v1,é"},
        {"signatures": f"v1,{'x' * 30} " * 30 + SIGNATURE},
        {"secrets": write_secret(token_bytes(32))},
    ],
)
def test_anything_else_is_not(changed: dict):
    with pytest.raises(SignatureInvalid):
        verify(**changed)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_byte_of_the_body_can_be_changed(at: int, by: int):
    tampered = bytearray(BODY)
    tampered[at] ^= by
    with pytest.raises(SignatureInvalid):
        verify(body=bytes(tampered))


@pytest.mark.parametrize(("seconds", "stale"), [(-301, True), (-300, False), (300, False), (301, True)])
def test_five_minutes_are_tolerated(seconds: int, stale: bool):
    now = NOW + timedelta(seconds=seconds)
    if not stale:
        return verify(now=now)
    with pytest.raises(MessageStale):
        verify(now=now)
    return None


def test_a_source_without_secrets_believes_nobody():
    signature = sign(write_secret(bytes(32)), ID, AT, BODY)
    verification = Verification((), ID, str(AT), signature, NOW)
    verification.update(BODY)
    with pytest.raises(SignatureInvalid):
        verification.finish()


def test_secrets_are_read_line_by_line():
    one, two = write_secret(token_bytes(32)), write_secret(token_bytes(32))
    assert list(read_secrets(f"# of our partners\ncrm={one},{two}\n\nshop = {two}\n")) == ["crm", "shop"]
    assert len(read_secrets(f"crm={one}; shop={two}")) == 2


@pytest.mark.parametrize(
    "text", ["crm", "CRM=whsec_x", "crm=", "crm=geheim", "crm=whsec_%%%", "crm=whsec_c2hvcnQ=", "a=@;a=@", "=@", ".=@"]
)
def test_what_is_no_secret_is_refused_without_showing_it(text: str):
    text = text.replace("@", write_secret(token_bytes(32)))
    with pytest.raises(SecretsInvalid) as caught:
        read_secrets(text)
    assert "line" in str(caught.value)
    assert "whsec_%" not in str(caught.value)
    assert "geheim" not in str(caught.value)
