"""Reconciliations over HTTP: one begins, says how it goes, and has its report at the end."""

import asyncio
from uuid import uuid4

import psycopg
import pytest
from http_door import Door, as_csv, assert_problem, rows

pytestmark = pytest.mark.postgres


async def ended(door: Door, location: str) -> dict:
    async with asyncio.timeout(30):
        while True:
            row = (await door.client.get(location)).json()
            if row["status"] != "running":
                return row
            await asyncio.sleep(0.05)


@pytest.mark.acceptance("S.09", part="reconcile over HTTP: 202, its place, and the report there")
async def test_one_is_begun_followed_and_mends(own_door: Door, database_url: str):
    batch_id = await own_door.take_in(as_csv(rows(4)))
    begun = await own_door.client.post("/v1/reconciliations", json={"batch_id": batch_id})
    assert begun.status_code == 202
    location = begun.headers["location"]
    row = await ended(own_door, location)
    assert (row["status"], row["scope"], row["jobs"]) == ("done", f"batch {batch_id}", 4)
    assert row["report"]["counts"] == {"stream_silent": 1}, "no NATS is named here"

    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE ops.jobs SET status = 'blocked' WHERE row_number = 2")
    mending = await own_door.client.post("/v1/reconciliations", json={"repair": True, "by": "ann"})
    report = (await ended(own_door, mending.headers["location"]))["report"]
    assert report["counts"] == {"job_view_differs": 1, "stream_silent": 1}
    assert report["repairs"] == [{"kind": "rebuild_view", "target": "jobs", "because": "job_view_differs", "count": 1}]
    [event] = await asyncio.to_thread(lambda: own_door.app.ledger.load(report["run_id"]).events)
    assert (event.by, event.scope) == ("ann", "all")
    listed = (await own_door.client.get("/v1/reconciliations")).json()["items"]
    assert [each["run_id"] for each in listed] == [report["run_id"], row["run_id"]]
    assert {each["report"] for each in listed} == {None}


async def test_what_cannot_be_asked_is_said(door: Door):
    assert_problem(await door.client.get(f"/v1/reconciliations/{uuid4()}"), 404, "reconciliation_unknown")
    unknown = await door.client.post("/v1/reconciliations", json={"batch_id": str(uuid4())})
    assert_problem(unknown, 404, "batch_unknown")
    both = {"batch_id": str(uuid4()), "since": "2026-11-27T10:00:00Z"}
    assert_problem(await door.client.post("/v1/reconciliations", json=both), 400, "request_invalid")
    local = await door.client.post("/v1/reconciliations", json={"since": "2026-11-27T10:00:00"})
    assert_problem(local, 400, "request_invalid")


async def test_the_same_one_is_not_run_twice_at_a_time(own_door: Door):
    runs = own_door.app.reconciliations
    run_id = str(uuid4())
    await asyncio.to_thread(runs.begin, run_id, "all", "bob")
    same = await own_door.client.post("/v1/reconciliations")
    assert (same.status_code, same.json()["run_id"]) == (200, run_id)
    await asyncio.to_thread(runs.failed, run_id, "LedgerUnavailable")
    row = (await own_door.client.get(f"/v1/reconciliations/{run_id}")).json()
    assert (row["status"], row["problem"]) == ("failed", "LedgerUnavailable")
    assert (await own_door.client.post("/v1/reconciliations")).status_code == 202
