"""Delivery receipts by signed webhook: each at its job once, kept until its job is known, refused without a hint."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from http_door import Door, assert_problem, open_door
from msgspec.structs import replace
from standardwebhooks.webhooks import Webhook

from dispatch.application.ports.ledger import Append
from dispatch.domain.job.commands import Done, RecordOutcome, StartStage
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import ReceiptRecorded
from dispatch.domain.job.keys import idempotency_key
from dispatch.domain.job.state import Job, JobStatus
from dispatch.domain.retry import RetryPolicy
from ledgers import cause, new_id, opened_job

pytestmark = pytest.mark.postgres


def secret_of(letter: bytes) -> str:
    return f"whsec_{base64.b64encode(letter * 32).decode()}"


OLD, NEW, STRANGER, OTHER = (secret_of(letter) for letter in (b"o", b"n", b"s", b"t"))
AT = "2026-11-23T12:00:00Z"
PROVIDERS = """
[[provider]]
name = "texter"
capability = "notifier"
receipts = "webhook"
receipt_secrets_file = "{folder}/texter"

[[provider]]
name = "other"
capability = "notifier"
receipt_secrets_file = "{folder}/other"

[[provider]]
name = "silent"
capability = "notifier"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def receipts(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    folder: Path = tmp_path_factory.mktemp("receipts")
    (folder / "texter").write_text(f"{OLD},{NEW}\n")
    (folder / "other").write_text(OTHER)
    (folder / "providers.toml").write_text(PROVIDERS.format(folder=folder))
    async with open_door(module_database_url, folder, providers_file=str(folder / "providers.toml")) as door:
        yield door


def signed(body: bytes, secret: str = NEW, *, at: datetime | None = None) -> dict[str, str]:
    """The headers that the reference implementation makes for this body."""
    at = at or datetime.now(UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": _signature(body, secret, at),
        "content-type": "application/json",
    }


def _signature(body: bytes, secret: str, at: datetime) -> str:
    try:
        return Webhook(secret).sign("msg_1", at, body.decode())
    except UnicodeDecodeError:  # The reference signs text alone; the specification says bytes.
        key, signed_bytes = base64.b64decode(secret.removeprefix("whsec_")), b"msg_1.%d." % int(at.timestamp()) + body
        return f"v1,{base64.b64encode(hmac.digest(key, signed_bytes, 'sha256')).decode()}"


async def post(door: Door, given: Any, *, provider: str = "texter", secret: str = NEW) -> httpx.Response:
    body = given if isinstance(given, bytes) else json.dumps(given).encode()
    return await door.client.post(f"/v1/receipts/{provider}", content=body, headers=signed(body, secret))


def receipt(message_id: str, status: str = "delivered", **more: Any) -> dict[str, Any]:
    return {"message_id": message_id, "status": status, "at": AT} | more


def open_at_dispatch(door: Door) -> str:
    job_id = new_id()
    opened = replace(opened_job(job_id), route=("dispatch", "confirm"))
    door.app.ledger.append([Append(job_id, 0, [opened], cause())])
    return job_id


def send(door: Door, job_id: str, message_id: str) -> None:
    """What a worker records when the provider has taken the message."""
    job, version = folded(door, job_id)
    at = datetime.now(UTC)
    key = idempotency_key(job_id, "dispatch")
    started = StartStage(job_id=job_id, at=at, stage="dispatch", attempt=1, idempotency_key=key, provider="texter")
    done = Done({"message_id": message_id, "provider": "texter"})
    ended = RecordOutcome(
        job_id=job_id, at=at, stage="dispatch", attempt=1, outcome=done, retry=RetryPolicy(), provider="texter"
    )
    events = []
    for command in (started, ended):
        more = decider.decide(command, job)
        job, events = decider.fold(more, job), [*events, *more]
    door.app.ledger.append([Append(job_id, version, events, cause())])


def folded(door: Door, job_id: str) -> tuple[Job, int]:
    history = door.app.ledger.load(job_id)
    return decider.fold(history.events), history.version


async def sent(door: Door, message_id: str) -> str:
    """A job whose message was sent, and whose views know it."""
    job_id = open_at_dispatch(door)
    send(door, job_id, message_id)
    await door.project()
    return job_id


def recorded(door: Door, job_id: str) -> list[ReceiptRecorded]:
    return [event for event in door.app.ledger.load(job_id).events if isinstance(event, ReceiptRecorded)]


def totals(door: Door, provider: str = "texter") -> dict[str, int]:
    for one in door.app.receipt_sheet.totals():
        if one.provider == provider:
            return {name: getattr(one, name) for name in one.__struct_fields__[1:]}
    return {}


@pytest.mark.acceptance("X14", part="receipts come by signed webhook, or not at all")
@pytest.mark.parametrize("form", ["one", "array", "object"])
async def test_a_signed_receipt_completes_its_job_at_once(receipts: Door, form: str):
    job_id = await sent(receipts, f"m-form-{form}")
    one = receipt(f"m-form-{form}")
    answer = await post(receipts, {"one": one, "array": [one], "object": {"receipts": [one]}}[form])
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"received": 1, "recorded": 1, "repeated": 0, "pending": 0, "waiting": 0}
    job, _ = folded(receipts, job_id)
    assert job.status is JobStatus.DELIVERED
    last = receipts.app.ledger.trace(job_id)[-1]
    assert (last.actor, bool(last.causation_id)) == ("receipt:texter", True)
    assert last.correlation_id == receipts.app.ledger.trace(job_id)[0].event.batch_id


async def test_a_receipt_may_name_the_key_that_the_message_was_sent_under(receipts: Door):
    job_id = await sent(receipts, "m-key")
    answer = await post(
        receipts, {"idempotency_key": f"dispatch.{job_id}", "status": "failed", "at": AT, "code": 30003}
    )
    assert answer.json()["recorded"] == 1
    job, _ = folded(receipts, job_id)
    assert (job.status, job.escalated_for) == (JobStatus.ESCALATED, "not_delivered")
    assert recorded(receipts, job_id)[0].code == "30003"


async def test_a_repeated_receipt_is_recorded_once_and_counted(receipts: Door):
    job_id = await sent(receipts, "m-thrice")
    before = totals(receipts)
    first = await post(receipts, [receipt("m-thrice")] * 3)
    again = await post(receipts, [receipt("m-thrice", at="2026-11-23T12:09:00Z")])
    assert (first.json()["recorded"], first.json()["repeated"]) == (1, 2)
    assert (again.json()["recorded"], again.json()["repeated"]) == (0, 1)
    assert len(recorded(receipts, job_id)) == 1
    after = totals(receipts)
    assert after["received"] - before.get("received", 0) == 4
    assert after["repeated"] - before.get("repeated", 0) == 3


async def test_delivered_counts_also_after_failed_and_both_are_recorded(receipts: Door):
    together, apart = await sent(receipts, "m-both"), await sent(receipts, "m-apart")
    before = totals(receipts)["contradicting"] if totals(receipts) else 0
    await post(receipts, [receipt("m-both", "failed"), receipt("m-both"), receipt("m-apart", "failed")])
    assert folded(receipts, apart)[0].status is JobStatus.ESCALATED
    await post(receipts, receipt("m-apart"))
    for job_id in (together, apart):
        assert folded(receipts, job_id)[0].status is JobStatus.DELIVERED
        assert {one.status.value for one in recorded(receipts, job_id)} == {"failed", "delivered"}
    assert totals(receipts)["contradicting"] - before == 2


async def test_a_receipt_that_is_not_final_is_counted_and_records_nothing(receipts: Door):
    job_id = await sent(receipts, "m-pending")
    assert (await post(receipts, receipt("m-pending", "pending"))).json()["pending"] == 1
    assert recorded(receipts, job_id) == []


@pytest.mark.acceptance("X21", part="a receipt that comes before the send is committed waits, and is lost by no crash")
@pytest.mark.parametrize("named", ["message_id", "idempotency_key"])
async def test_a_receipt_before_the_record_of_its_send_is_kept_and_applied(receipts: Door, named: str):
    job_id = open_at_dispatch(receipts)
    given = receipt(f"m-early-{named}")
    if named == "idempotency_key":
        given = {"idempotency_key": f"dispatch.{job_id}", "status": "delivered", "at": AT}
    assert (await post(receipts, given)).json()["waiting"] == 1
    assert (await post(receipts, given)).json()["waiting"] == 1
    shown = (await receipts.client.get("/v1/receipts", params={"limit": 100})).json()
    [kept] = [one for one in shown["waiting"] if given.items() >= {named: one[named]}.items()]
    assert kept["times"] == 2
    receipts.app.take_receipts.look_again()
    assert folded(receipts, job_id)[0].status is JobStatus.RUNNING
    send(receipts, job_id, f"m-early-{named}")
    await receipts.project()
    late = totals(receipts)["late"]
    _look_now(receipts)
    assert folded(receipts, job_id)[0].status is JobStatus.DELIVERED
    assert totals(receipts)["late"] == late + 1
    assert not [one for one in receipts.app.receipt_sheet.waiting(100) if getattr(one, named) == given[named]]


def _look_now(door: Door) -> None:
    """As the timers do, without waiting for the next look."""
    with door.app.receipt_sheet._pool.connection() as connection:
        connection.execute("UPDATE ops.receipts_waiting SET look_at = now()")
    door.app.take_receipts.look_again()


async def test_a_stranger_among_known_receipts_waits_alone(receipts: Door):
    job_id = await sent(receipts, "m-known")
    answer = await post(receipts, [receipt("m-stranger"), receipt("m-known")])
    assert (answer.json()["recorded"], answer.json()["waiting"]) == (1, 1)
    assert folded(receipts, job_id)[0].status is JobStatus.DELIVERED


@pytest.mark.parametrize("named", ["message_id", "idempotency_key"])
async def test_a_provider_cannot_confirm_what_another_has_sent(receipts: Door, named: str):
    job_id = await sent(receipts, f"m-theirs-{named}")
    given = receipt(f"m-theirs-{named}")
    if named == "idempotency_key":
        given = {"idempotency_key": f"dispatch.{job_id}", "status": "delivered", "at": AT}
    answer = await post(receipts, given, provider="other", secret=OTHER)
    assert (answer.status_code, answer.json()["waiting"]) == (202, 1)
    assert folded(receipts, job_id)[0].status is JobStatus.RUNNING


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_while_secrets_are_exchanged_both_are_taken(receipts: Door, secret: str):
    assert (await post(receipts, receipt("m-nobody"), secret=secret)).status_code == 202


@pytest.mark.acceptance("3.05", part="receipts are signed by HMAC-SHA-256 under a secret of each provider; else 401")
@pytest.mark.parametrize(("provider", "secret"), [("texter", STRANGER), ("texter", OTHER), ("other", NEW)])
async def test_what_another_has_signed_is_refused(receipts: Door, provider: str, secret: str):
    assert_problem(await post(receipts, receipt("m-1"), provider=provider, secret=secret), 401, "signature_invalid")


@pytest.mark.acceptance("X16", part="receipts: over the raw bytes, and within five minutes")
async def test_what_is_unsigned_changed_on_the_way_or_old_is_refused_and_nothing_is_written(receipts: Door):
    job_id = await sent(receipts, "m-forged")
    before, body = receipts.app.ledger.head(), json.dumps(receipt("m-forged")).encode()
    url, headers = "/v1/receipts/texter", signed(body)
    unsigned = {name: value for name, value in headers.items() if name != "webhook-signature"}
    for sending, content, code in (
        (unsigned, body, "signature_invalid"),
        ({}, body, "signature_invalid"),
        (headers, body.replace(b"delivered", b"failed"), "signature_invalid"),
        (signed(body, at=datetime.now(UTC) - timedelta(minutes=6)), body, "signature_stale"),
        (signed(body, at=datetime.now(UTC) + timedelta(minutes=6)), body, "signature_stale"),
    ):
        assert_problem(await receipts.client.post(url, content=content, headers=sending), 401, code)
    assert receipts.app.ledger.head() == before
    assert folded(receipts, job_id)[0].status is JobStatus.RUNNING


@pytest.mark.parametrize("provider", ["nobody", "silent", "email_verifier"])
async def test_a_provider_that_sends_no_receipts_is_not_there(receipts: Door, provider: str):
    answer = await post(receipts, receipt("m-1"), provider=provider)
    assert_problem(answer, 404, "receipts_unknown")


@pytest.mark.acceptance("3.03", part="receipts too")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_only_post_is_possible(receipts: Door, method: str):
    assert_problem(await receipts.client.request(method, "/v1/receipts/texter"), 405, "method_not_allowed")


CANARY = "zenobia@canary.example"


@pytest.mark.parametrize(
    ("given", "code", "where"),
    [
        (b"{", "request_invalid", "request body"),
        (b"\xff\xfe", "request_invalid", "request body"),
        (b"[" * 100_000, "request_invalid", "request body"),
        ([], "receipts_invalid", "#"),
        ({"receipts": []}, "receipts_invalid", "#/receipts"),
        ({"receipts": {}}, "receipts_invalid", "#/receipts"),
        ([receipt("m")] * 1_001, "receipts_invalid", "#"),
        ("delivered", "receipts_invalid", "#"),
        (receipt("m", CANARY), "receipts_invalid", "#"),
        (receipt("m", code=f"no mailbox {CANARY}"), "receipts_invalid", "#"),
        (receipt("m", code="447700900461"), "receipts_invalid", "#"),
        (receipt("m", code=447700900461), "receipts_invalid", "#"),
        (receipt(""), "receipts_invalid", "#"),
        (receipt("m" * 201), "receipts_invalid", "#"),
        (receipt("m", at="2026-11-23T12:00:00"), "receipts_invalid", "#"),
        (receipt("m", at=CANARY), "receipts_invalid", "#"),
        ({"status": "delivered", "at": AT}, "receipts_invalid", "#"),
        ({"message_id": "m", "at": AT}, "receipts_invalid", "#"),
        ([receipt("m"), receipt("m", "bounced")], "receipts_invalid", "#/1"),
        ({"receipts": [receipt("m"), 7]}, "receipts_invalid", "#/receipts/1"),
    ],
)
async def test_what_is_no_receipt_is_refused_by_place_without_repeating_it(
    receipts: Door, given: Any, code: str, where: str
):
    before = totals(receipts)
    answer = await post(receipts, given)
    problem = assert_problem(answer, 400 if code == "request_invalid" else 422, code)
    assert problem["where"] == where
    assert problem["fix"]
    assert CANARY not in answer.text
    assert "447700900461" not in answer.text
    assert totals(receipts) == before


async def test_the_totals_say_what_became_of_everything(receipts: Door):
    await sent(receipts, "m-total")
    await post(receipts, receipt("m-total"))
    shown = (await receipts.client.get("/v1/receipts")).json()
    [texter] = [one for one in shown["totals"] if one["provider"] == "texter"]
    assert texter["received"] >= texter["recorded"] > 0
    assert texter["waiting"] == len([one for one in shown["waiting"] if one["provider"] == "texter"])
