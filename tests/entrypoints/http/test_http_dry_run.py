"""`POST /v1/batches?dry_run=true`: the forecast of a file, and nothing else."""

from pathlib import Path

import pytest
from http_door import Door, as_csv, assert_problem, row, rows

pytestmark = [pytest.mark.postgres, pytest.mark.acceptance("1.12", part="a dry run over HTTP")]


def stored(door: Door) -> list[Path]:
    return [path for path in (door.app.settings.data / "files").rglob("*") if path.is_file()]


async def test_a_dry_run_answers_with_the_forecast_and_writes_nothing(own_door: Door):
    content = as_csv([*rows(20, bad=1), row("SJ-00001"), row("N-1", lawful_basis="")])
    answer = await own_door.upload(content, dry_run="true")
    assert answer.status_code == 200
    said = answer.json()
    assert (said["would_be"], said["rows"], said["rejected"], said["duplicates"], said["jobs"]) == (
        "admitted",
        22,
        1,
        1,
        20,
    )
    assert [(count["allowed"], count["rule"], count["rows"]) for count in said["gate"]] == [
        (False, "PE2", 1),
        (True, "PE12", 19),
    ]
    assert {stage["stage"]: stage["calls"] for stage in said["calls"]} == {
        "enrich": 20,
        "verify": 20,
        "dispatch": 19,
        "confirm": 19,
    }
    assert said["estimate"]["seconds"] is None
    assert (own_door.app.ledger.head(), stored(own_door)) == (0, [])

    form = {"file": ("jobs.csv", content)}
    as_form = await own_door.client.post("/v1/batches?dry_run=true", files=form, data={"error_threshold_percent": "0"})
    assert (as_form.json()["would_be"], as_form.json()["budget_holds"]) == ("rejected", False)
    assert (own_door.app.ledger.head(), stored(own_door)) == (0, [])

    batch_id = await own_door.take_in(content)
    again = (await own_door.upload(content, dry_run="true")).json()
    assert (again["would_be"], again["same_file"]["batch_id"]) == ("nothing", batch_id)
    forced = (await own_door.upload(content, dry_run="true", force="true")).json()
    assert (forced["jobs"], forced["known_references"]) == (0, 20)


async def test_what_no_batch_would_be_made_of_is_a_problem(own_door: Door):
    assert_problem(await own_door.upload(b"", dry_run="true"), 422, "file_empty")
    assert_problem(await own_door.client.put("/v1/batches?dry_run=true"), 405, "method_not_allowed")
