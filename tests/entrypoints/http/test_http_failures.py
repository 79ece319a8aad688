"""Failures and replays over HTTP."""

import asyncio

import pytest
from http_door import Door, as_csv, assert_problem, rows

pytestmark = pytest.mark.postgres
UNKNOWN = "00000000-0000-8000-8000-000000000000"


async def failed_batch(door: Door, prefix: str, jobs: int) -> str:
    batch_id = await door.take_in(as_csv(rows(jobs, prefix=prefix)))
    await door.escalate(*await door.job_ids(batch_id))
    return batch_id


async def finish(door: Door, replay_id: str) -> dict[str, object]:
    """What the timers and the projector do, until it has ended."""
    await door.project()
    while True:
        row = (await door.client.get(f"/v1/replays/{replay_id}")).json()
        if row["status"] != "running":
            return dict(row)
        await asyncio.to_thread(door.app.replays.run)
        await door.project()


@pytest.mark.acceptance("S.09", part="a replay of dead letters over HTTP, with a dry run")
async def test_a_group_is_shown_and_retried(door: Door):
    batch_id = await failed_batch(door, "RETRY", 5)
    groups = (await door.client.get("/v1/failures")).json()["items"]
    [group] = [one for one in groups if one["code"] == "no_slot"]
    shown = (await door.client.get(f"/v1/failures/{group['fingerprint']}")).json()
    assert len(shown["dead_letters"]) == shown["open"]
    asked = {"action": "retry", "fingerprint": group["fingerprint"], "batch_id": batch_id}
    dry = await door.client.post("/v1/replays", json=asked, params={"dry_run": "true"})
    assert (dry.status_code, dry.json()["counted"], dry.json()["results"]) == (200, 5, {"done": 5})
    answer = await door.client.post("/v1/replays", json=asked)
    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["location"] == f"/v1/replays/{answer.json()['replay_id']}"
    row = await finish(door, answer.json()["replay_id"])
    assert (row["results"], row["done"], row["counted"]) == ({"done": 5}, 5, 5)
    first = await door.client.get(f"{answer.headers['location']}/items", params={"limit": 3})
    rest = await door.client.get(first.links["next"]["url"])
    items = first.json()["items"] + rest.json()["items"]
    assert [(item["number"], item["result"]) for item in items] == [(n, "done") for n in range(5)]
    assert row["replay_id"] in [one["replay_id"] for one in (await door.client.get("/v1/replays")).json()["items"]]
    letters = await door.client.get("/v1/dead-letters", params={"batch_id": batch_id})
    assert letters.json()["items"] == []


async def test_dead_letters_come_in_pages(door: Door):
    batch_id = await failed_batch(door, "PAGES", 5)
    first = await door.client.get("/v1/dead-letters", params={"batch_id": batch_id, "limit": 3})
    rest = await door.client.get(first.links["next"]["url"])
    ids = [letter["job_id"] for letter in first.json()["items"] + rest.json()["items"]]
    assert ids == await door.job_ids(batch_id)


async def test_a_replay_is_stopped(door: Door):
    batch_id = await failed_batch(door, "STOP", 2)
    asked = {"action": "archive", "batch_id": batch_id, "reason": "told by phone", "per_second": 0.01}
    where = (await door.client.post("/v1/replays", json=asked)).headers["location"]
    assert (await door.client.post(f"{where}/stop", json={"reason": "wrong batch"})).status_code == 202
    await door.project()
    row = (await door.client.get(where)).json()
    assert (row["status"], row["stopped_by"], row["done"]) == ("stopped", "api", 0)
    quick = await door.client.post("/v1/replays", json=asked | {"per_second": 100})
    assert (await finish(door, quick.json()["replay_id"]))["results"] == {"done": 2}
    assert_problem(await door.client.post(f"{quick.headers['location']}/stop"), 409, "replay_ended")


async def test_what_cannot_be_asked_says_how_it_can(door: Door):
    batch_id = await failed_batch(door, "WRONG", 1)

    async def post(**asked: object):
        return await door.client.post("/v1/replays", json=asked)

    assert_problem(await post(action="retry"), 422, "selection_missing")
    assert_problem(await post(action="drop", batch_id=batch_id), 422, "replay_reason_missing")
    assert_problem(await post(action="retry", batch_id=batch_id, per_second=0), 422, "replay_rate_invalid")
    assert_problem(await post(action="retry", batch_id=batch_id, to_stage="clear"), 422, "replay_stage_missing")
    assert_problem(await post(action="retry", batch_id=UNKNOWN), 409, "nothing_to_replay")
    assert_problem(await post(action="explode", batch_id=batch_id), 400, "request_invalid")
    assert_problem(await post(action="retry", stage="x", since="2026-11-23T12:00:00"), 400, "request_invalid")
    assert_problem(await door.client.get("/v1/failures/ffffffffffff"), 404, "failure_unknown")
    assert_problem(await door.client.get(f"/v1/replays/{UNKNOWN}"), 404, "replay_unknown")
    assert_problem(await door.client.get(f"/v1/replays/{UNKNOWN}/items"), 404, "replay_unknown")


@pytest.mark.acceptance("4.17", part="how many dead letters there are, and how old the oldest is, as metrics")
async def test_metrics_count_dead_letters(door: Door):
    await failed_batch(door, "METRIC", 3)
    text = (await door.client.get("/metrics")).text
    depth = (await asyncio.to_thread(door.app.failures.depth)).open
    assert depth >= 3
    assert f"dispatch_engine_dead_letters {float(depth)}" in text
    assert "dispatch_engine_dead_letters_oldest_age_seconds" in text
