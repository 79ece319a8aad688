"""Rows by signed webhook: signed by an implementation that is not ours, and refused without a hint when it is not."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from http_door import Door, assert_problem, open_door, rows
from standardwebhooks.webhooks import Webhook

from dispatch.entrypoints.senders import read_senders

pytestmark = pytest.mark.postgres


def secret_of(letter: bytes) -> str:
    return f"whsec_{base64.b64encode(letter * 32).decode()}"


OLD, NEW, STRANGER = secret_of(b"o"), secret_of(b"n"), secret_of(b"s")
SENDERS = f"crm service-job {OLD},{NEW}; other no-such-profile {OLD}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def intake(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    data: Path = tmp_path_factory.mktemp("webhook")
    async with open_door(module_database_url, data, webhook_senders=SENDERS) as door:
        yield door


def signed(body: bytes, secret: str = NEW, *, message_id: str = "", at: datetime | None = None) -> dict[str, str]:
    """The headers that the reference implementation makes for this body; without an id, one made of the bytes."""
    at, message_id = at or datetime.now(UTC), message_id or f"msg_{sha256(body).hexdigest()[:16]}"
    signature = Webhook(secret).sign(message_id, at, body.decode())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }


async def send(door: Door, body: bytes, headers: dict[str, str], sender: str = "crm") -> httpx.Response:
    return await door.client.post(f"/v1/intake/{sender}", content=body, headers=headers)


def body_of(prefix: str, count: int = 3, wrap: bool = True) -> bytes:
    made = rows(count, prefix=prefix)
    return json.dumps({"rows": made} if wrap else made).encode()


@pytest.mark.acceptance("3.03")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_only_post_is_possible(intake: Door, method: str):
    answer = await intake.client.request(method, "/v1/intake/crm")
    assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


@pytest.mark.acceptance("1.01", part="a signed request with rows is a batch by its content")
@pytest.mark.parametrize("wrap", [True, False])
async def test_signed_rows_are_a_batch(intake: Door, wrap: bool):
    body = body_of(f"W{wrap}", wrap=wrap)
    answer = await send(intake, body, signed(body, message_id=f"msg_{wrap}"))
    assert answer.status_code == 202, answer.text
    intake.app.admit(answer.json()["batch_id"])
    await intake.project()
    batch = (await intake.client.get(answer.headers["location"])).json()
    assert (batch["rows"], batch["jobs"], batch["file_name"]) == (3, 3, f"crm-msg{wrap}.json")
    [event] = intake.app.ledger.load(batch["batch_id"]).events[:1]
    assert event.by == "webhook:crm"


async def test_a_request_that_is_sent_again_is_answered_with_the_first_batch(intake: Door):
    body = body_of("AGAIN")
    first = await send(intake, body, signed(body))
    again = await send(intake, body, signed(body))
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["batch_id"] == first.json()["batch_id"]
    assert again.headers["location"] == first.headers["location"]


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_while_secrets_are_exchanged_both_are_taken(intake: Door, secret: str):
    body = body_of(f"X{secret[6:9]}")
    assert (await send(intake, body, signed(body, secret))).status_code == 202


async def test_one_good_signature_among_several_is_enough(intake: Door):
    body = body_of("SEVERAL")
    headers = signed(body)
    strange = signed(body, STRANGER)["webhook-signature"]
    headers["webhook-signature"] = f"v1a,AAAA {strange} {headers['webhook-signature']}"
    assert (await send(intake, body, headers)).status_code == 202


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-id", None),
        ("webhook-timestamp", None),
        ("webhook-signature", None),
        ("webhook-id", "msg_2"),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "9" * 400),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", "v1,\xe9"),
    ],
)
async def test_what_is_not_signed_as_it_must_be_is_refused_and_nothing_is_written(
    intake: Door, header: str, value: str | None
):
    before = written(intake)
    body = body_of("SPOILT")
    headers: dict[str, Any] = {name: given for name, given in signed(body).items() if name != header}
    headers |= {} if value is None else {header: value.encode("latin-1")}
    problem = assert_problem(await send(intake, body, headers), 401, "signature_invalid")
    assert "crm" not in problem["detail"]
    assert written(intake) == before


@pytest.mark.parametrize("sender", ["crm", "nobody"])
async def test_a_stranger_and_an_unknown_sender_get_the_same_answer(intake: Door, sender: str):
    before = written(intake)
    body = body_of("STRANGE")
    problem = assert_problem(await send(intake, body, signed(body, STRANGER), sender), 401, "signature_invalid")
    assert problem["detail"].startswith("The request is not signed by a sender that is known here")
    assert written(intake) == before


async def test_a_changed_body_is_refused(intake: Door):
    body = body_of("CHANGED")
    changed = body.replace(b"95.00", b"01.00")
    assert_problem(await send(intake, changed, signed(body)), 401, "signature_invalid")


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24 * 365])
async def test_a_request_of_another_time_is_refused(intake: Door, minutes: int):
    body = body_of("STALE")
    headers = signed(body, at=datetime.now(UTC) + timedelta(minutes=minutes))
    assert_problem(await send(intake, body, headers), 401, "signature_stale")


async def test_too_many_rows_are_refused(intake: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dispatch.entrypoints.http.webhook.WHOLE_BYTES_MAX", 500)
    body = body_of("LARGE", count=20)
    before = written(intake)
    assert_problem(await send(intake, body, signed(body)), 413, "file_too_large")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    answer = await intake.client.post("/v1/intake/crm", content=pieces(), headers=signed(body))
    assert_problem(answer, 413, "file_too_large")
    assert written(intake) == before


@pytest.mark.parametrize(("body", "code"), [(b"[]", "no_rows"), (b'{"rows": []}', "no_rows")])
async def test_a_signed_request_without_rows_is_refused_in_words(intake: Door, body: bytes, code: str):
    assert_problem(await send(intake, body, signed(body)), 422, code)


@pytest.mark.acceptance("3.04")
@pytest.mark.parametrize(
    "body", [b"", b" ", b'{"rows": [', b'{"rows": [}', b"[1", b"reference,price\na,1\n", b'"text"', b"\xef\xbb\xbf"]
)
async def test_what_is_not_json_is_refused(intake: Door, body: bytes):
    before = written(intake)
    assert_problem(await send(intake, body, signed(body)), 400, "json_invalid")
    assert written(intake) == before


async def test_another_body_under_the_same_id_is_refused_and_not_lost_in_silence(intake: Door):
    first, other = body_of("ID-1"), body_of("ID-2")
    assert (await send(intake, first, signed(first, message_id="msg_same"))).status_code == 202
    before = written(intake)
    problem = assert_problem(await send(intake, other, signed(other, message_id="msg_same")), 422, "webhook_id_reused")
    assert "an id of its own" in problem["fix"]
    assert written(intake) == before


async def test_a_sender_with_a_profile_that_is_not_there_is_told_so(intake: Door):
    body = body_of("PROFILE")
    assert_problem(await send(intake, body, signed(body, OLD), "other"), 422, "profile_unknown")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("crm service-job", "entry 1 is not NAME PROFILE"),
        (f"CRM service-job {OLD}", "entry 1 is not NAME PROFILE"),
        (f"crm p {OLD}; crm p {NEW}", "entry 2: there is a sender crm already"),
        ("crm p whsec_c2hvcnQ=", "24 to 64 bytes"),
        (f"crm p {OLD[6:]}", "a secret is whsec_"),
        ("crm p whsec_!!!", "a secret is whsec_"),
        ("crm p text:too-short", "a secret as text has 24 to 64 bytes"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_without_telling_secrets(text: str, why: str):
    with pytest.raises(ValueError, match=why) as refusal:
        read_senders(text)
    assert OLD[6:] not in str(refusal.value)


def written(door: Door) -> tuple[int, set[Path]]:
    files = {path for path in (door.app.settings.data / "files").rglob("*") if path.is_file()}
    return door.app.ledger.head(), files
