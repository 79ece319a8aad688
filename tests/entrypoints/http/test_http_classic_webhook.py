"""The older form of inbound webhook: X-Webhook-Signature over the raw bytes, a type in the path, `queued` answered."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from http_door import CANARIES, Door, assert_problem, open_door, row, rows

from dispatch.domain import identity
from dispatch.domain.webhook.events import WebhookReceived

pytestmark = pytest.mark.postgres

BANK, EXPENSE, BIR = "bank-secret-of-24-characters", "expense-secret-of-24-chars", b"b" * 32
SENDERS = f"""
bank service-job text:{BANK}
expense service-job text:{EXPENSE}
bir service-job whsec_{base64.b64encode(BIR).decode()},text:another-one-of-the-same-type
"""
KEYS = {"bank": BANK.encode(), "expense": EXPENSE.encode(), "bir": BIR}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def intake(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    data: Path = tmp_path_factory.mktemp("classic")
    async with open_door(module_database_url, data, webhook_senders=SENDERS) as door:
        yield door


def signed(body: bytes, key: bytes = KEYS["bank"], *, message_id: str = "", at: int | None = None) -> dict[str, str]:
    head = "".join(f"{part}." for part in (message_id, at) if part).encode()
    headers = {"X-Webhook-Signature": base64.b64encode(hmac.digest(key, head + body, "sha256")).decode()}
    headers |= {"X-Webhook-Id": message_id} if message_id else {}
    return headers | ({"X-Webhook-Timestamp": str(at)} if at else {})


async def send(door: Door, body: bytes, headers: dict[str, Any], kind: str = "bank") -> httpx.Response:
    return await door.client.post(f"/v1/intake/{kind}", content=body, headers=headers)


def body_of(prefix: str, count: int = 3) -> bytes:
    return json.dumps({"rows": rows(count, prefix=prefix)}).encode()


def recorded(door: Door, kind: str, body: bytes, message_id: str = "") -> list[Any]:
    return list(door.app.ledger.load(identity.webhook_id(kind, message_id, sha256(body).hexdigest())).events)


@pytest.mark.acceptance("3.05")
@pytest.mark.acceptance("3.06")
@pytest.mark.parametrize("kind", list(KEYS))
async def test_a_signed_message_is_queued_and_becomes_jobs(intake: Door, kind: str):
    body = body_of(f"Q-{kind}")
    answer = await send(intake, body, signed(body, KEYS[kind]), kind)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert set(answer.json()) == {"status", "id"}
    batch_id = answer.json()["id"]
    assert intake.app.ledger.load(batch_id).version == 1, "nothing is judged yet"
    intake.app.admit(batch_id)
    await intake.project()
    assert (await intake.client.get(answer.headers["location"])).json()["jobs"] == 3


@pytest.mark.acceptance("3.07")
async def test_the_event_carries_type_data_timestamp_and_source(intake: Door):
    body, at = body_of("EVENT"), int(time.time())
    answer = await send(intake, body, signed(body, KEYS["expense"], message_id="ev-1", at=at), "expense")
    [event] = recorded(intake, "expense", body, "ev-1")
    assert isinstance(event, WebhookReceived)
    assert (event.kind, event.source) == ("expense", "webhook:expense")
    assert (event.sent_at, event.batch_id) == (datetime.fromtimestamp(at, UTC), answer.json()["id"])
    kept = intake.app.receive.files.path(event.file_hash)
    assert kept.read_bytes() == body
    assert event.file_bytes == len(body)
    assert not [canary for canary in CANARIES if canary in str(event)]


@pytest.mark.acceptance("3.06", part="answered within 100 ms, as measured here at its best of ten")
async def test_the_answer_is_quick(intake: Door):
    took = []
    for number in range(10):
        body = body_of(f"QUICK-{number}", count=20)
        started = time.perf_counter()
        assert (await send(intake, body, signed(body))).status_code == 202
        took.append(time.perf_counter() - started)
    assert min(took) < 0.1, took


@pytest.mark.acceptance("3.07", part="a single object, as such messages are, is one row")
@pytest.mark.parametrize("indent", [None, 2])
async def test_a_single_object_is_one_row(intake: Door, indent: int | None):
    body = json.dumps(row(f"ONE-{indent}"), indent=indent).encode()
    answer = await send(intake, body, signed(body))
    assert answer.status_code == 202, answer.text
    intake.app.admit(answer.json()["id"])
    await intake.project()
    assert (await intake.client.get(answer.headers["location"])).json()["jobs"] == 1


@pytest.mark.acceptance("3.04")
@pytest.mark.parametrize("body", [b"", b"{", b'{"rows": [', b"amount=5", b"\x00", b'{"a": "\xff"}', b'{\n"a": 1'])
async def test_what_is_not_json_is_refused(intake: Door, body: bytes):
    before = written(intake)
    assert_problem(await send(intake, body, signed(body)), 400, "json_invalid")
    assert written(intake) == before


@pytest.mark.acceptance("3.05")
@pytest.mark.parametrize(
    ("kind", "key"),
    [("bank", b"stranger"), ("bank", KEYS["expense"]), ("nobody", KEYS["bank"]), ("bank", b"")],
    ids=["a stranger", "the secret of another type", "a type without a secret", "an empty secret"],
)
@pytest.mark.parametrize("body", [body_of("STRANGE"), b"{", b"\x00" * 70_000], ids=["rows", "no JSON", "no text"])
async def test_a_stranger_gets_one_and_the_same_answer(intake: Door, kind: str, key: bytes, body: bytes):
    before = written(intake)
    problem = assert_problem(await send(intake, body, signed(body, key), kind), 401, "signature_invalid")
    assert problem["detail"].startswith("The request is not signed by a sender that is known here")
    assert written(intake) == before


@pytest.mark.acceptance("3.05")
@pytest.mark.parametrize(
    "changed",
    [
        {"X-Webhook-Signature": ""},
        {"X-Webhook-Signature": "AAAA"},
        {"X-Webhook-Signature": b"\xe9"},
        {"X-Webhook-Timestamp": "soon"},
        {"X-Webhook-Timestamp": "9" * 400},
        {"X-Webhook-Id": "another"},
        {"X-Webhook-Id": "not.an.id"},
        {"X-Webhook-Id": "x" * 300},
    ],
)
async def test_what_was_changed_is_refused(intake: Door, changed: dict[str, Any]):
    before = written(intake)
    body = body_of("CHANGED")
    headers = signed(body, message_id="one", at=int(time.time())) | changed
    assert_problem(await send(intake, body, headers), 401, "signature_invalid")
    assert written(intake) == before


@pytest.mark.acceptance("3.05", part="the raw bytes are signed, not what they mean")
async def test_the_same_json_written_otherwise_is_not_what_was_signed(intake: Door):
    body = body_of("RAW")
    assert_problem(await send(intake, body + b"\n", signed(body)), 401, "signature_invalid")


@pytest.mark.acceptance("X16")
@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_message_of_another_time_is_refused_and_its_time_cannot_be_changed(intake: Door, minutes: int):
    body, now = body_of("STALE"), int(time.time())
    headers = signed(body, message_id="old", at=now + 60 * minutes)
    assert_problem(await send(intake, body, headers), 401, "signature_stale")
    assert_problem(await send(intake, body, headers | {"X-Webhook-Timestamp": str(now)}), 401, "signature_invalid")
    without = {name: value for name, value in headers.items() if name != "X-Webhook-Timestamp"}
    assert_problem(await send(intake, body, without), 401, "signature_invalid")


@pytest.mark.acceptance("X16", part="repeats are known by id and by bytes")
async def test_a_repeat_is_known_by_its_bytes_and_by_its_id(intake: Door):
    body, at = body_of("TWICE"), int(time.time())
    first = await send(intake, body, signed(body))
    by_bytes = await send(intake, body, signed(body))
    with_id = await send(intake, body, signed(body, message_id="twice", at=at))
    by_id = await send(intake, body, signed(body, message_id="twice", at=at + 1))
    assert [answer.status_code for answer in (first, by_bytes, with_id, by_id)] == [202, 200, 200, 200]
    assert {answer.json()["id"] for answer in (first, by_bytes, with_id, by_id)} == {first.json()["id"]}
    assert by_id.json()["status"] == "duplicate"
    assert len(recorded(intake, "bank", body)) == len(recorded(intake, "bank", body, "twice")) == 1
    other = body_of("OTHER")
    before = written(intake)
    assert_problem(await send(intake, other, signed(other, message_id="twice", at=at)), 422, "webhook_id_reused")
    assert written(intake) == before


@pytest.mark.acceptance("X14")
async def test_text_is_data_and_only_who_signs_is_heard(intake: Door):
    """SQL in every field that takes free text, in names of columns too: stored as it came, and nothing else happens."""
    hostile = "x'); DROP TABLE ops.jobs; DELETE FROM intake.batches; --"
    row_of = [row(f"INJ-{n}", customer_name=hostile, notes=hostile, **{hostile: hostile}) for n in range(19)]
    row_of.append(row("INJ'; DROP TABLE ops.jobs; --", service=hostile))
    body = json.dumps({"rows": row_of, hostile: hostile}).encode()
    await intake.project()
    before = intake.app.queries.batches(limit=500)
    assert_problem(await send(intake, body, {}), 401, "signature_invalid")
    assert_problem(await send(intake, body, {}, "'; DROP TABLE ops.jobs; --"), 401, "signature_invalid")
    answer = await send(intake, body, signed(body))
    intake.app.admit(answer.json()["id"])
    await intake.project()
    batch = (await intake.client.get(answer.headers["location"])).json()
    assert (batch["rows"], batch["jobs"] + batch["rejected"]) == (20, 20)
    assert batch["jobs"] >= 19
    assert len(intake.app.queries.batches(limit=500)) == len(before) + 1
    [job_id, *_] = await intake.job_ids(answer.json()["id"])
    person = intake.app.ledger.load(job_id).events[0].person
    assert intake.app.persons.read({job_id: person})[job_id].name == hostile
    listed = await intake.client.get("/v1/jobs", params={"batch_id": "'; DROP TABLE ops.jobs; --"})
    assert listed.status_code == 400


def written(door: Door) -> tuple[int, set[Path]]:
    files = {path for path in (door.app.settings.data / "files").rglob("*") if path.is_file()}
    return door.app.ledger.head(), files
