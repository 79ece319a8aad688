"""Rows as signed messages: believed, answered as uploads are, and repeated without harm."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from secrets import token_bytes
from typing import Any

import httpx
import pytest
import pytest_asyncio
from http_door import Door, assert_problem, open_door, rows

from dispatch.application.intake.signatures import sign, write_secret

pytestmark = pytest.mark.postgres
OLD, NEW, OTHER = write_secret(token_bytes(32)), write_secret(token_bytes(32)), write_secret(token_bytes(32))
JSON = "application/json"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(module_database_url, tmp_path_factory) -> AsyncIterator[Door]:
    secrets = f"crm={OLD},{NEW}\nshop={OTHER}"
    data = tmp_path_factory.mktemp("webhooks")
    async with open_door(module_database_url, data, webhook_secrets=secrets, file_bytes_max=300_000) as opened:
        yield opened


def body_of(prefix: str, count: int = 3) -> bytes:
    return json.dumps({"rows": rows(count, prefix=prefix)}).encode()


async def send(
    door: Door, body: bytes, *, source: str = "crm", secret: str = OLD, message_id: str = "msg_1", at: int = 0,
    kind: str = JSON, **headers: str,
) -> httpx.Response:  # fmt: skip
    at = at or int(time.time())
    signed = {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secret, message_id, at, body),
        "content-type": kind,
    }
    given = {name: value for name, value in (signed | headers).items() if value}
    return await door.client.post(f"/v1/intake/{source}", content=body, headers=given)


def written(door: Door) -> tuple[int, int]:
    files = [path for path in (door.app.settings.data / "files").rglob("*") if path.is_file()]
    return door.app.ledger.head(), len(files)


@pytest.mark.parametrize("secret", [OLD, NEW], ids=["old", "new"])
@pytest.mark.parametrize("form", ["wrapped", "array", "lines"])
async def test_signed_rows_become_a_batch(door: Door, form: str, secret: str):
    prefix = f"{form}{secret[-5:-2]}".upper()
    each = rows(3, prefix=prefix)
    body, kind = {
        "wrapped": (json.dumps({"rows": each}).encode(), JSON),
        "array": (json.dumps(each).encode(), "application/json; charset=utf-8"),
        "lines": ("\n".join(map(json.dumps, each)).encode(), "application/x-ndjson"),
    }[form]
    answer = await send(door, body, secret=secret, message_id=f"msg_{form}_{secret == OLD}", kind=kind)
    assert answer.status_code == 202, answer.text
    batch_id = answer.json()["batch_id"]
    assert answer.headers["location"] == f"/v1/batches/{batch_id}"
    assert await asyncio.to_thread(door.app.admit, batch_id) == "processing"
    await door.project()
    batch = (await door.client.get(answer.headers["location"])).json()
    assert (batch["rows"], batch["jobs"]) == (3, 3)
    received: Any = door.app.ledger.load(batch_id).events[0]
    assert received.by == "source:crm"


async def test_the_same_message_again_is_answered_with_its_first_batch(door: Door):
    first = await send(door, body_of("R"), message_id="msg_r")
    again = await send(door, body_of("R"), message_id="msg_r")
    other_bytes = await send(door, body_of("R", 5), message_id="msg_r")
    other_id = await send(door, body_of("R"), message_id="msg_r2")
    for answer in (again, other_bytes, other_id):
        assert answer.status_code == 200
        assert (answer.json()["duplicate"], answer.json()["batch_id"]) == (True, first.json()["batch_id"])
        assert answer.headers["location"] == first.headers["location"]
    elsewhere = await send(door, body_of("R", 6), message_id="msg_r", source="shop", secret=OTHER)
    assert elsewhere.status_code == 202


TAMPERED = {
    "no signature": {"webhook-signature": ""},
    "no id": {"webhook-id": ""},
    "no timestamp": {"webhook-timestamp": ""},
    "another id": {"webhook-id": "msg_other"},
    "another timestamp": {"webhook-timestamp": str(int(time.time()) - 1)},
    "the signature of another body": {"webhook-signature": sign(OLD, "msg_1", int(time.time()), b"{}")},
    "rubbish": {"webhook-signature": "v1,????"},
}


@pytest.mark.parametrize("how", TAMPERED)
async def test_a_message_that_is_not_signed_is_refused_and_nothing_is_written(door: Door, how: str):
    before = written(door)
    answer = await send(door, body_of("T"), **TAMPERED[how])
    problem = assert_problem(answer, 401, "signature_invalid")
    assert answer.headers["www-authenticate"] == "StandardWebhooks"
    assert problem["detail"] == (await send(door, b"not even JSON", secret=OTHER)).json()["detail"]
    assert written(door) == before


async def test_an_unknown_source_is_answered_like_a_wrong_signature(door: Door):
    unknown = assert_problem(await send(door, body_of("U"), source="nobody"), 401, "signature_invalid")
    wrong = assert_problem(await send(door, body_of("U"), secret=OTHER), 401, "signature_invalid")
    assert {**unknown, "instance": ""} == {**wrong, "instance": ""}


async def test_every_changed_byte_is_noticed(door: Door):
    body = body_of("B", 1)
    at = int(time.time())
    signature = sign(OLD, "msg_b", at, body)
    for place in range(0, len(body), 17):
        tampered = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        answer = await send(door, tampered, message_id="msg_b", at=at, **{"webhook-signature": signature})
        assert_problem(answer, 401, "signature_invalid")


@pytest.mark.parametrize("seconds", [-400, 400])
async def test_an_old_message_is_refused_under_a_code_of_its_own(door: Door, seconds: int):
    before = written(door)
    assert_problem(await send(door, body_of("O"), at=int(time.time()) + seconds), 401, "message_stale")
    assert written(door) == before


@pytest.mark.parametrize("announced", [True, False])
async def test_a_message_over_the_limit_is_refused(door: Door, announced: bool):
    before = written(door)
    body = body_of("L", 2_000)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 50_000):
            yield body[at : at + 50_000]

    at = int(time.time())
    headers = {
        "webhook-id": "msg_l", "webhook-timestamp": str(at), "webhook-signature": sign(OLD, "msg_l", at, body),
        "content-type": JSON,
    }  # fmt: skip
    content = body if announced else pieces()
    assert_problem(await door.client.post("/v1/intake/crm", content=content, headers=headers), 413, "file_too_large")
    assert written(door) == before


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b'{"rows": []}', JSON, 422, "no_rows"),
        (b'{"rows": [', JSON, 422, "json_malformed"),
        (b"", JSON, 422, "file_empty"),
        (b"\xff\xfe", JSON, 422, "encoding_not_utf8"),
        (b"reference,service\n", "text/csv", 415, "content_type_unsupported"),
    ],
)
async def test_who_signed_is_told_what_is_wrong(door: Door, body: bytes, kind: str, status: int, code: str):
    before = written(door)
    assert_problem(await send(door, body, kind=kind, message_id="msg_w"), status, code)
    assert written(door) == before


async def test_no_secret_is_shown_or_logged(door: Door, capfd):
    await send(door, body_of("S"), secret=OTHER)
    shown = capfd.readouterr()
    for secret in (OLD, NEW, OTHER):
        for form in (secret, secret.removeprefix("whsec_"), base64.b64decode(secret.removeprefix("whsec_")).hex()):
            assert form not in shown.out + shown.err
