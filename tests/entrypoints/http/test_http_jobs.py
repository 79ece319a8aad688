"""Jobs over HTTP: lists, one job with its timeline, and what people may do."""

import httpx
import pytest
from http_door import CANARIES, Door, as_csv, assert_problem, rows

pytestmark = pytest.mark.postgres
UNKNOWN = "00000000-0000-8000-8000-000000000000"


@pytest.mark.acceptance("S.05", part="pages of jobs")
async def test_jobs_are_listed_by_batch_state_and_stage_in_pages(door: Door):
    batch_id = await door.take_in(as_csv(rows(7, prefix="LIST")))
    ids = await door.job_ids(batch_id)
    await door.escalate(ids[2], ids[4])

    seen: list[str] = []
    answer = await door.client.get("/v1/jobs", params={"batch_id": batch_id, "limit": 3})
    while True:
        seen += [job["job_id"] for job in answer.json()["items"]]
        if not answer.json()["next"]:
            break
        answer = await door.client.get(answer.links["next"]["url"])
    assert seen == ids
    assert len(seen) == 7

    async def listed(**asked: str) -> list[str]:
        page = await door.client.get("/v1/jobs", params={"batch_id": batch_id} | asked)
        return [job["job_id"] for job in page.json()["items"]]

    assert await listed(status="escalated") == [ids[2], ids[4]]
    assert await listed(status="delivered") == []
    assert await listed(stage="validate") == ids
    assert await listed(stage="clear") == []


async def test_a_job_shows_where_it_stands_and_everything_that_happened_to_it(door: Door):
    batch_id = await door.take_in(as_csv(rows(1, prefix="ONE")))
    [job_id] = await door.job_ids(batch_id)
    await door.escalate(job_id)
    job = (await door.client.get(f"/v1/jobs/{job_id}")).json()
    assert (job["reference"], job["price_pence"], job["status"]) == ("ONE-00001", 9500, "escalated")
    steps = job["timeline"]
    assert [(step["name"], step["version"]) for step in steps] == [
        ("JobOpened", 1),
        ("StageFailed", 2),
        ("JobEscalated", 3),
    ]
    assert steps[1]["stage"] == "validate"
    assert steps[1]["code"] == "no_slot"
    assert steps[2]["actor"] == "test"
    assert set(steps[0]) == {
        "name", "at", "version", "position", "actor", "stage", "attempt", "next_stage", "code", "rule", "due_at",
        "provider",
    }  # fmt: skip


async def test_a_job_is_shown_as_it_was_at_a_moment(door: Door):
    batch_id = await door.take_in(as_csv(rows(1, prefix="THEN")))
    [job_id] = await door.job_ids(batch_id)
    await door.escalate(job_id)
    now = (await door.client.get(f"/v1/jobs/{job_id}")).json()
    assert now["as_of"] is None

    async def at(moment: str) -> httpx.Response:
        return await door.client.get(f"/v1/jobs/{job_id}", params={"at": moment})

    then = (await at(now["opened_at"])).json()
    assert (then["status"], then["error_code"], then["as_of"]) == ("running", "", now["opened_at"])
    assert [step["name"] for step in then["timeline"]] == ["JobOpened"]
    later = (await at("2999-01-01 10:00")).json()
    assert later == {**now, "as_of": "2999-01-01T10:00:00Z"}
    early = assert_problem(await at("2020-01-01T10:00:00+01:00"), 404, "job_not_yet_opened")
    assert "opened at" in early["detail"]
    assert_problem(await at("noon"), 400, "request_invalid")
    unescaped = await door.client.get(f"/v1/jobs/{job_id}?at=2999-01-01T10:00:00+00:00")
    assert unescaped.json() == later


async def test_a_job_says_why_it_is_where_it_is(door: Door):
    batch_id = await door.take_in(as_csv(rows(2, prefix="WHY")))
    escalated, running = await door.job_ids(batch_id)
    await door.escalate(escalated)
    said = (await door.client.get(f"/v1/jobs/{escalated}/why")).json()
    assert (said["status"], said["code"], said["actions"]) == ("escalated", "no_slot", ["resume", "cancel"])
    assert (said["decided"]["name"], said["decided"]["actor"]) == ("JobEscalated", "test")
    assert said["decided"]["position"] > said["rests_on"][0]["position"] > said["opened"]["position"]
    assert (await door.client.get(f"/v1/jobs/{running}/why")).json()["status"] == "running"
    assert_problem(await door.client.get(f"/v1/jobs/{UNKNOWN}/why"), 404, "job_unknown")
    assert_problem(await door.client.get(f"/v1/jobs/{batch_id}/why"), 404, "job_unknown")
    assert not [canary for canary in CANARIES if canary in str(said)]


async def test_a_job_says_what_it_waits_for(door: Door):
    """In its queue no one else is asked of: the same answer as at the command line."""
    batch_id = await door.take_in(as_csv(rows(2, prefix="WAITS")))
    _, second = await door.job_ids(batch_id)
    said = (await door.client.get(f"/v1/jobs/{second}/why")).json()
    assert said["inputs"]["ahead"] >= 1
    assert "before it" in said["why"]
    assert said["until"] is None


async def test_an_escalated_job_is_resumed_once_however_often_it_is_asked(door: Door):
    batch_id = await door.take_in(as_csv(rows(2, prefix="RESUME")))
    ids = await door.job_ids(batch_id)
    await door.escalate(ids[0])
    before = await door.client.get("/v1/escalations")
    assert ids[0] in [job["job_id"] for job in before.json()["items"]]

    first = await door.client.post(f"/v1/jobs/{ids[0]}/resume")
    assert (first.status_code, first.json()["recorded"]) == (202, ["JobResumed"])
    assert first.headers["location"] == f"/v1/jobs/{ids[0]}"
    again = await door.client.post(f"/v1/jobs/{ids[0]}/resume")
    assert (again.status_code, again.json()["recorded"]) == (202, [])
    await door.project()
    after = await door.client.get("/v1/escalations")
    assert ids[0] not in [job["job_id"] for job in after.json()["items"]]
    timeline = (await door.client.get(f"/v1/jobs/{ids[0]}")).json()["timeline"]
    assert (timeline[-1]["name"], timeline[-1]["actor"]) == ("JobResumed", "api")


async def test_a_job_is_cancelled_with_a_reason_and_stays_so(door: Door):
    batch_id = await door.take_in(as_csv(rows(2, prefix="CANCEL")))
    first, second = await door.job_ids(batch_id)
    answer = await door.client.post(f"/v1/jobs/{first}/cancel", json={"reason": "ordered_twice"})
    assert (answer.status_code, answer.json()["recorded"]) == (202, ["JobCancelled"])
    assert (await door.client.post(f"/v1/jobs/{second}/cancel")).json()["recorded"] == ["JobCancelled"]
    await door.project()
    job = (await door.client.get(f"/v1/jobs/{first}")).json()
    assert (job["status"], job["timeline"][-1]["code"]) == ("cancelled", "ordered_twice")


@pytest.mark.acceptance("S.05", part="409 when a command comes too late")
async def test_a_command_against_the_rules_is_a_problem_with_its_code(door: Door):
    batch_id = await door.take_in(as_csv(rows(2, prefix="RULES")))
    cancelled, escalated = await door.job_ids(batch_id)
    await door.client.post(f"/v1/jobs/{cancelled}/cancel")
    assert_problem(await door.client.post(f"/v1/jobs/{cancelled}/resume"), 409, "job_not_escalated")
    assert_problem(await door.client.post(f"/v1/jobs/{UNKNOWN}/resume"), 404, "job_unknown")
    assert_problem(await door.client.post(f"/v1/jobs/{UNKNOWN}/cancel"), 404, "job_unknown")
    assert_problem(await door.client.get(f"/v1/jobs/{UNKNOWN}"), 404, "job_unknown")
    too_long = await door.client.post(f"/v1/jobs/{escalated}/cancel", json={"reason": "x" * 201})
    assert_problem(too_long, 400, "request_invalid")


async def test_the_pipeline_adds_up(own_door: Door):
    batch_id = await own_door.take_in(as_csv(rows(5)))
    ids = await own_door.job_ids(batch_id)
    await own_door.escalate(ids[0])
    await own_door.client.post(f"/v1/jobs/{ids[1]}/cancel")
    await own_door.project()
    pipeline = (await own_door.client.get("/v1/pipeline")).json()
    assert pipeline["jobs"] == {
        "running": 3, "waiting": 0, "escalated": 1, "blocked": 0, "delivered": 0, "cancelled": 1, "archived": 0,
    }  # fmt: skip
    [validate] = pipeline["stages"]
    assert (validate["stage"], validate["running"], validate["escalated"]) == ("validate", 3, 1)
    assert {view["position"] for view in pipeline["views"]} == {pipeline["ledger_head"]}


async def test_an_outcome_that_nobody_knows_is_settled(door: Door):
    batch_id = await door.take_in(as_csv(rows(1, prefix="DOUBT")))
    [job_id] = await door.job_ids(batch_id)
    early = await door.client.post(f"/v1/jobs/{job_id}/settle", json={"happened": False, "note": "x"})
    assert (early.status_code, early.json()["recorded"]) == (202, []), "it runs: nothing is asked of anybody"
    await door.escalate(job_id)
    nothing = await door.client.post(f"/v1/jobs/{job_id}/settle", json={"happened": False, "note": "x"})
    assert_problem(nothing, 409, "nothing_in_doubt")
    bad = await door.client.post(f"/v1/jobs/{job_id}/settle", json={"happened": False})
    assert bad.status_code in (400, 422)


async def test_providers_say_how_they_stand(door: Door):
    providers = (await door.client.get("/v1/providers")).json()
    assert [one["name"] for one in providers] == ["contact_finder", "email_verifier", "notifier"]
    assert {(one["state"], one["score"], one["order"]) for one in providers} == {("closed", 1.0, 1)}


async def test_who_has_an_escalation_and_until_when_nobody_is_reminded(door: Door):
    batch_id = await door.take_in(as_csv(rows(2, prefix="QUEUE")))
    ids = await door.job_ids(batch_id)
    early = await door.client.post(f"/v1/jobs/{ids[0]}/escalation/assign", json={"to": "eve"})
    assert_problem(early, 409, "job_not_escalated")
    await door.escalate(*ids)
    taken = await door.client.post(f"/v1/jobs/{ids[0]}/escalation/assign", json={"to": "eve"})
    assert (taken.status_code, taken.json()["recorded"]) == (202, ["EscalationAssigned"])
    past = {"until": "2020-01-01T00:00:00Z", "reason": "x"}
    assert_problem(await door.client.post(f"/v1/jobs/{ids[1]}/escalation/snooze", json=past), 422, "snooze_in_the_past")
    later = {"until": "2099-01-01T00:00:00Z", "reason": "they answer then"}
    put_off = await door.client.post(f"/v1/jobs/{ids[1]}/escalation/snooze", json=later)
    assert put_off.json()["recorded"] == ["EscalationSnoozed"]
    await door.project()

    async def listed(**asked: object) -> list[str]:
        answer = await door.client.get("/v1/escalations", params=asked)
        return [row["job_id"] for row in answer.json()["items"] if row["job_id"] in ids]

    assert await listed(assignee="eve") == [ids[0]]
    assert await listed(snoozed="true") == [ids[1]]
    assert await listed(snoozed="false", level=1) == [ids[0]]
    assert await listed(priority="CRITICAL") == []
