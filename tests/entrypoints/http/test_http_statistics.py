"""Statistics over HTTP: what the views say, and problems for what cannot be asked."""

import pytest
from http_door import CANARIES, Door, as_csv, assert_problem, rows

pytestmark = pytest.mark.postgres
UNKNOWN = "00000000-0000-8000-8000-000000000000"


@pytest.mark.acceptance("1.08", part="GET /v1/stats/batches")
@pytest.mark.acceptance("1.29", part="parse time, database time and rows/s over all batches")
async def test_batches(own_door: Door):
    await own_door.take_in(as_csv(rows(10, bad=1, prefix="A")))
    await own_door.take_in(as_csv(rows(10, bad=5, prefix="B")))
    answer = await own_door.client.get("/v1/stats/batches")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["totals"]["batches"], found["totals"]["rejected"], found["totals"]["rows"]) == (2, 1, 20)
    assert sum(hour["batches"] for hour in found["hours"]) == 2
    assert sum(hour["refused_rows"] for hour in found["hours"]) == 6
    newest, oldest = found["batches"]
    assert newest["rejection_reason"] == "Error rate 50.0% exceeded threshold 10%"
    assert (oldest["valid_rows"], oldest["invalid_rows"], oldest["error_rate_percent"]) == (9, 1, 10.0)
    assert len((await own_door.client.get("/v1/stats/batches", params={"limit": 1})).json()["batches"]) == 1
    assert not [canary for canary in CANARIES if canary in answer.text]


@pytest.mark.acceptance("1.09", part="GET /v1/stats/errors")
async def test_errors(own_door: Door):
    batch_id = await own_door.take_in(as_csv(rows(20, bad=2, prefix="A")))
    await own_door.take_in(as_csv(rows(20, bad=1, prefix="B")))
    answer = await own_door.client.get("/v1/stats/errors", params={"batch_id": batch_id})
    found = answer.json()
    counts = {code["error_code"]: (code["errors"], code["batches"]) for code in found["codes"]}
    assert counts == {"invalid_money": (3, 2), "invalid_postcode": (3, 2)}
    money, postcode = found["batch"]
    assert (money["errors"], money["columns"], money["first_row"], money["last_row"]) == (2, ["price"], 19, 20)
    assert postcode["found"] == "xxxxxxx"  # The shape: a postcode is personal.
    assert (await own_door.client.get("/v1/stats/errors")).json()["batch"] == []
    assert not [canary for canary in CANARIES if canary in answer.text]


@pytest.mark.acceptance("1.60", part="GET /v1/stats/trends")
@pytest.mark.parametrize("by", ["day", "week", "month"])
async def test_trends(door: Door, by: str):
    await door.take_in(as_csv(rows(10, bad=1, prefix=f"T-{by}")))
    found = (await door.client.get("/v1/stats/trends", params={"by": by})).json()
    assert found["by"] == by
    assert found["points"][-1]["error_rate_percent"] == 10.0


async def test_what_cannot_be_asked_is_a_problem(door: Door):
    for path in ("batches?hours=0", "batches?hours=169", "trends?by=year", "trends?limit=367", "errors?batch_id=7"):
        assert_problem(await door.client.get(f"/v1/stats/{path}"), 400, "request_invalid")
    unknown = await door.client.get("/v1/stats/errors", params={"batch_id": UNKNOWN})
    assert_problem(unknown, 404, "batch_unknown")
