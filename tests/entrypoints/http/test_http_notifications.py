"""Notifications over HTTP: sent once per key, listed in pages, cancelled in time, and never shown to anybody."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from http_door import CANARIES, CANARY_EMAIL, CANARY_NAME, CANARY_PHONE, assert_problem

from dispatch.application.ports.ledger import Append, Cause
from dispatch.application.ports.privacy import KeyMissing
from dispatch.application.ports.providers import Channel
from dispatch.domain.job.commands import StartStage
from dispatch.domain.job.decide import decider
from ledgers import new_id

pytestmark = pytest.mark.postgres
GOOD = {
    "channel": "sms",
    "to": CANARY_PHONE,
    "content": f"{CANARY_NAME}, we are on our way.",
    "kind": "service",
    "permission": {"basis": "contract"},
}
TO = {"sms": CANARY_PHONE, "push": "d3v1ce-T0ken", "email": CANARY_EMAIL}
ALL = "/v1/notifications"


async def send(door, headers=None, **changed):
    return await door.client.post(ALL, json=GOOD | changed, headers=headers or {})


@pytest.mark.acceptance("S.05", part="POST /v1/notifications: taken with 202, the same key with 200, another body 422")
async def test_a_notification_is_taken_once_per_key(door):
    key = new_id()
    first = await send(door, idempotencyKey=key)
    assert first.status_code == 202
    shown = first.json()
    assert first.headers["location"] == f"{ALL}/{shown['notificationId']}"
    assert (shown["status"], shown["channel"], shown["priority"], shown["kind"]) == (
        "running", "sms", "normal", "service",
    )  # fmt: skip
    again = await send(door, headers={"Idempotency-Key": f'"{key}"'})
    assert again.status_code == 200, "the header is the key too, quoted as RFC 8941 says"
    assert again.json()["notificationId"] == shown["notificationId"]
    problem = assert_problem(await send(door, idempotencyKey=key, content="Not today."), 422, "idempotency_key_reused")
    assert "key of its own" in problem["fix"]
    location = await door.client.get(first.headers["location"])
    assert location.status_code == 200, "before any view has seen it"
    assert [step["name"] for step in location.json()["timeline"]] == ["JobOpened"]


@pytest.mark.parametrize("channel", [channel.value for channel in Channel])
async def test_nothing_personal_is_shown_or_stored_in_the_clear(door, module_database_url, channel):
    answer = await send(door, channel=channel, to=TO[channel], name=CANARY_NAME)
    assert answer.status_code == 202
    await door.project()
    listed = await door.client.get(ALL, params={"channel": channel})
    detail = await door.client.get(answer.headers["location"])
    job = await door.client.get(f"/v1/jobs/{answer.json()['notificationId']}")
    why = await door.client.get(f"/v1/jobs/{answer.json()['notificationId']}/why")
    assert (job.status_code, why.status_code) == (200, 200), "a notification is a job"
    with psycopg.connect(module_database_url) as connection:
        rows = connection.execute(
            "SELECT convert_from(state, 'UTF8') FROM ledger.stored_events WHERE originator_id = %s",
            (answer.json()["notificationId"],),
        ).fetchall()
    for text in (answer.text, listed.text, detail.text, job.text, why.text, str(rows)):
        for canary in (*CANARIES, "on our way", TO["push"]):
            assert canary not in text
    person = door.app.persons.read({job.json()["job_id"]: _person(door, job.json()["job_id"])})
    assert person[job.json()["job_id"]].content == GOOD["content"]


def _person(door, job_id):
    return door.app.ledger.load(job_id).events[0].person


async def test_every_fault_is_told_at_once_and_nothing_is_recorded(door):
    head = door.app.ledger.head()
    problem = assert_problem(await send(door, to="12", priority="asap"), 422, "notification_invalid")
    assert [error["pointer"] for error in problem["errors"]] == ["#/priority", "#/to"]
    for body in (b"{", b"\xff", b""):
        assert_problem(await door.client.post(ALL, content=body), 400, "request_invalid")
    assert_problem(await door.client.post(ALL, content=b"[]"), 422, "notification_invalid")
    assert_problem(await door.client.post(ALL, content=b" " * 300_000), 413, "file_too_large")
    assert door.app.ledger.head() == head


@pytest.mark.acceptance("S.05", part="scheduledAt: the future waits, the past is refused")
async def test_what_is_scheduled_waits_and_the_past_is_refused(door):
    at = datetime.now(UTC) + timedelta(hours=1)
    waiting = await send(door, scheduledAt=at.isoformat())
    shown = waiting.json()
    assert (shown["status"], shown["dueAt"]) == ("waiting", shown["scheduledAt"])
    assert datetime.fromisoformat(shown["scheduledAt"]) == at
    why = (await door.client.get(f"/v1/jobs/{shown['notificationId']}/why")).json()
    assert (why["status"], why["actions"]) == ("waiting", ["cancel"])
    assert "scheduled for" in why["why"]
    problem = assert_problem(await send(door, scheduledAt="2020-01-01T00:00:00Z"), 422, "scheduled_in_the_past")
    assert "leave it out" in problem["fix"]
    assert_problem(await send(door, scheduledAt="2999-01-01T00:00:00Z"), 422, "scheduled_too_far_ahead")


@pytest.mark.acceptance("S.05", part="POST /v1/notifications/{id}/cancel: 409 when too late")
async def test_cancelled_in_time_and_refused_when_it_is_too_late(door):
    sent = (await send(door)).json()["notificationId"]
    ended = (await send(door, scheduledAt=(datetime.now(UTC) + timedelta(hours=1)).isoformat())).json()
    for _ in range(2):
        cancelled = await door.client.post(f"{ALL}/{ended['notificationId']}/cancel", json={"reason": "moved"})
        assert cancelled.status_code == 202
        assert (cancelled.json()["status"], cancelled.json()["errorCode"]) == ("cancelled", "moved")
    assert [step["name"] for step in cancelled.json()["timeline"]] == ["JobOpened", "JobCancelled"]
    history = door.app.ledger.load(sent)
    job = decider.fold(history.events)
    start = StartStage(job_id=sent, at=datetime.now(UTC), stage=job.stage, attempt=1, idempotency_key="k")
    door.app.ledger.append([Append(sent, 1, decider.decide(start, job), Cause(command_id=new_id(), actor="worker"))])
    assert_problem(await door.client.post(f"{ALL}/{sent}/cancel"), 409, "job_already_sent")
    assert_problem(await door.client.post(f"{ALL}/{new_id()}/cancel"), 404, "notification_unknown")
    assert_problem(await door.client.get(f"{ALL}/{new_id()}"), 404, "notification_unknown")


@pytest.mark.acceptance("S.05", part="batch API 1..1000 items, each with its answer")
async def test_a_batch_takes_up_to_a_thousand(door):
    async def send_all(items, **headers):
        return await door.client.post(f"{ALL}/batch", json={"items": items}, headers=headers)

    key = new_id()
    answer = await send_all([GOOD | {"reference": f"r-{n}"} for n in range(1_000)], **{"Idempotency-Key": key})
    assert answer.status_code == 202
    report = answer.json()
    assert (report["accepted"], report["duplicates"], report["refused"]) == (1_000, 0, 0)
    assert len({item["notificationId"] for item in report["items"]}) == 1_000
    again = (await send_all([GOOD | {"reference": "r-0"}, {}], **{"Idempotency-Key": key})).json()
    assert [item["outcome"] for item in again["items"]] == ["duplicate", "refused"]
    assert again["items"][1]["errors"][0]["pointer"].startswith("#/items/1")
    for items in ([], [GOOD] * 1_001, None, {}):
        problem = assert_problem(await send_all(items), 422, "notification_invalid")
        assert problem["where"] == "#/items"
    assert_problem(await door.client.post(f"{ALL}/batch", content=b'{"items": ['), 400, "request_invalid")


@pytest.mark.acceptance("S.05", part="list page <= 100, filters by status, channel and time")
async def test_the_list_comes_in_pages_with_filters(own_door):
    door = own_door
    before = datetime.now(UTC)
    sent = [(await send(door, channel=channel, to=TO[channel])).json() for channel in (*TO, "sms", "sms")]
    await door.client.post(f"{ALL}/{sent[0]['notificationId']}/cancel")
    await door.project()

    async def listed(**asked):
        found = await door.client.get(ALL, params=asked)
        assert found.status_code == 200, found.text
        return found.json()

    newest = [one["notificationId"] for one in reversed(sent)]
    whole, seen, cursor = await listed(), [], ""
    assert [item["notificationId"] for item in whole["items"]] == newest
    assert whole["next"] == ""
    while page := await listed(limit=2, cursor=cursor):
        seen += [item["notificationId"] for item in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    assert seen == newest
    assert len((await listed(channel="sms"))["items"]) == 3
    assert [item["notificationId"] for item in (await listed(status="cancelled"))["items"]] == [newest[-1]]
    assert len((await listed(since=before.isoformat()))["items"]) == 5
    assert (await listed(since="2999-01-01"))["items"] == []
    both = await listed(channel="sms", status="running", limit=1)
    assert (await listed(channel="sms", status="running", limit=1, cursor=both["next"]))["items"][0][
        "notificationId"
    ] == newest[1]
    for wrong in ({"limit": 101}, {"status": "sent"}, {"channel": "fax"}, {"since": "lately"}):
        assert_problem(await door.client.get(ALL, params=wrong), 400, "request_invalid")
    assert_problem(await door.client.get(ALL, params={"cursor": "WyJ4Il0"}), 400, "cursor_invalid")
    pipeline = (await door.client.get("/v1/pipeline")).json()["jobs"]
    assert (pipeline["running"], pipeline["cancelled"]) == (4, 1), "notifications count among all jobs"


async def test_those_that_arrive_together_share_an_append(own_door):
    answers = await asyncio.gather(*(send(own_door, idempotencyKey=f"k-{n % 30}") for n in range(60)))
    assert sorted(answer.status_code for answer in answers) == [200] * 30 + [202] * 30
    recorded = own_door.app.ledger.read(0, 100)
    assert len(recorded) == 30
    assert len({record.causation_id for record in recorded}) < 30


async def test_a_refusal_costs_those_that_arrived_with_it_nothing(door):
    late = {"scheduledAt": "2020-01-01T00:00:00Z"}
    answers = await asyncio.gather(*(send(door, **(late if n % 2 else {})) for n in range(10)))
    assert [answer.status_code for answer in answers] == [202, 422] * 5


async def test_without_the_master_key_it_is_said_and_nothing_is_recorded(door, monkeypatch):
    def missing(*_):
        raise KeyMissing("the master key is not here")

    head = door.app.ledger.head()
    monkeypatch.setattr(door.app.ledger._vault, "encrypt", missing)
    problem = assert_problem(await send(door), 503, "not_ready")
    assert "bring it back" in problem["fix"]
    assert door.app.ledger.head() == head
