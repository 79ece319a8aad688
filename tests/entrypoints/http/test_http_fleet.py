"""Processes, scaling and the zone over HTTP."""

import pytest
from http_door import Door, assert_problem

from dispatch.entrypoints.presence import Presence

pytestmark = pytest.mark.postgres


async def test_processes_are_listed_and_scaled(own_door: Door):
    assert_problem(await own_door.client.put("/v1/processes/worker", json={"processes": 3}), 409, "nobody_scales")
    Presence(own_door.app.processes, ("supervisor",)).say()
    [row] = (await own_door.client.get("/v1/processes")).json()["items"]
    assert (row["roles"], row["draining"]) == (["supervisor"], False)
    answer = await own_door.client.put("/v1/processes/worker", json={"processes": 3, "reason": "files"})
    assert (answer.status_code, answer.json()) == (202, {"role": "worker", "processes": 3})
    await own_door.project()
    [asked] = own_door.app.fleet.book.asked()
    assert (asked.processes, asked.by, asked.reason) == (3, "api", "files")


@pytest.mark.parametrize("body", [{"processes": 65}, {"processes": "x"}, {}])
async def test_a_number_that_cannot_be_is_a_problem(door: Door, body: dict):
    assert (await door.client.put("/v1/processes/worker", json=body)).status_code in {400, 422}


async def test_only_workers_and_intake_are_scaled(door: Door):
    assert (await door.client.put("/v1/processes/api", json={"processes": 1})).status_code in {400, 404}


async def test_the_zone_is_shown_and_measured(door: Door):
    shown = (await door.client.get("/v1/zone")).json()
    assert (shown["zone"], shown["since"]) == ("green", None)
    assert {reading["measure"] for reading in shown["readings"]} == {"lag_s", "age_s", "errors_percent", "batches"}
    assert (await door.client.get("/v1/zone/changes")).json()["items"] == []
    metrics = (await door.client.get("/metrics")).text
    assert "dispatch_engine_zone 0.0" in metrics
    assert 'dispatch_engine_zone_measure{measure="lag_s"}' in metrics
