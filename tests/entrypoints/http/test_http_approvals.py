"""Approvals and priorities over HTTP and on the page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from http_door import Door, as_csv, assert_problem, open_door, rows

pytestmark = pytest.mark.postgres
WHY = {"reason": "checked with the council", "by": "eve"}


@pytest_asyncio.fixture(loop_scope="session")
async def strict(database_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    """A server that has a person look at more than 2 % refused rows, and not the one who brought them."""
    async with open_door(database_url, tmp_path, approval_error_percent=2, approval_other_person=True) as opened:
        yield opened


@pytest.mark.acceptance("1.59", part="over HTTP")
async def test_a_batch_waits_is_listed_and_approved(strict: Door):
    batch_id = await strict.take_in(as_csv(rows(20, bad=1)))
    listed = (await strict.client.get("/v1/batches", params={"status": "awaiting_approval"})).json()["items"]
    assert [batch["batch_id"] for batch in listed] == [batch_id]
    assert (listed[0]["approval_reason"], listed[0]["approval_level"]) == (
        "Error rate 5.0% is above the warning rate 2%",
        1,
    )
    assert listed[0]["message"]["text"].startswith("Batch Waits for Approval. Error rate 5.0%")
    assert (await strict.client.get("/v1/batches", params={"status": "processing"})).json()["items"] == []

    mine = await strict.client.post(f"/v1/batches/{batch_id}/approve", json=WHY | {"by": "api"})
    assert "another `by`" in assert_problem(mine, 403, "approver_brought_it")["fix"]
    answer = await strict.client.post(f"/v1/batches/{batch_id}/approve", json=WHY)
    assert answer.status_code == 202
    assert answer.json() == {
        "batch_id": batch_id,
        "location": f"/v1/batches/{batch_id}",
        "recorded": ["BatchApproved"],
    }
    again = await strict.client.post(f"/v1/batches/{batch_id}/approve", json=WHY)
    assert again.json()["recorded"] == []


async def test_a_batch_is_rejected_and_a_decision_needs_a_reason(strict: Door):
    batch_id = await strict.take_in(as_csv(rows(20, bad=1, prefix="R")))
    url = f"/v1/batches/{batch_id}/reject"
    assert_problem(await strict.client.post(url, json={"by": "eve"}), 400, "request_invalid")
    assert_problem(await strict.client.post(url, json=WHY | {"reason": "  "}), 422, "reason_missing")
    assert (await strict.client.post(url, json=WHY)).json()["recorded"] == ["BatchRejected"]
    late = await strict.client.post(f"/v1/batches/{batch_id}/approve", json=WHY)
    assert "awaiting_approval" in assert_problem(late, 409, "batch_not_awaiting_approval")["fix"]


@pytest.mark.acceptance("1.57", part="over HTTP")
async def test_a_priority_is_given_and_changed(own_door: Door):
    answer = await own_door.upload(as_csv(rows(3)), priority="high")
    location = answer.headers["location"]
    assert (await own_door.client.get(location)).json()["priority"] == "high"
    changed = await own_door.client.post(f"{location}/prioritise", json=WHY | {"priority": "urgent"})
    assert changed.json()["recorded"] == ["BatchPrioritised"]
    await own_door.project()
    assert (await own_door.client.get(location)).json()["priority"] == "urgent"
    unknown = await own_door.client.post(f"{location}/prioritise", json=WHY | {"priority": "top"})
    assert_problem(unknown, 400, "request_invalid")
    form = {"file": ("more.csv", as_csv(rows(3, prefix="M")))}
    assert_problem(
        await own_door.client.post("/v1/batches", files=form, data={"priority": "top"}), 400, "field_invalid"
    )
    taken = await own_door.client.post("/v1/batches", files=form, data={"priority": "low"})
    assert (await own_door.client.get(taken.headers["location"])).json()["priority"] == "low"


@pytest.mark.acceptance("1.59", part="on the page, with buttons that want a reason")
async def test_the_page_shows_what_waits_and_takes_the_decision(strict: Door):
    batch_id = await strict.take_in(as_csv(rows(20, bad=1, prefix="P")), name="postcodes.csv")
    page = (await strict.client.get("/")).text
    assert "Error rate 5.0% is above the warning rate 2%" in page
    assert f'action="/batches/{batch_id}/decide"' in page
    url, form = f"/batches/{batch_id}/decide", {"decision": "approve", "reason": "fine"}
    assert (await strict.client.post(url, data=form | {"reason": ""})).status_code == 400
    answer = await strict.client.post(url, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/?batch={batch_id}")
    await strict.project()
    assert f'action="/batches/{batch_id}/decide"' not in (await strict.client.get("/")).text
