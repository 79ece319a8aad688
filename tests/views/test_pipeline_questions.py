"""What waits, what failed, how fast events are worked on, what went wrong last (acceptance 2.17 to 2.20)."""

from collections import defaultdict
from datetime import timedelta

import msgspec
import psycopg
import pytest
from following import catch_up
from msgspec.structs import replace
from psycopg.rows import dict_row

import examples
from dispatch.application.handle import handle
from dispatch.application.ports.ledger import Append
from dispatch.application.stages import find_stages
from dispatch.domain.events import event_name
from dispatch.domain.job.commands import GiveUp, RecordOutcome
from dispatch.domain.job.decide import decider
from dispatch.domain.job.state import AT_A_STAGE, JobStatus
from dispatch.domain.retry import RetryPolicy
from examples import NOON
from histories import World
from ledgers import cause

pytestmark = pytest.mark.postgres

SEEDS = (1, 3, 6)  # With jobs before people at the end.
DUE = {
    "JobOpened",
    "StageCompleted",
    "RetryScheduled",
    "StageDeferred",
    "JobResumed",
    "JobRerouted",
    "DoubtSettled",
} | {"RecipientRefused"}
NO_ANSWER = {"StageStarted", "FailedOver", "ReceiptRecorded"}
UNDER_WAY = AT_A_STAGE | {JobStatus.WAITING}


def ask(url, question):
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(question).fetchall()


@pytest.fixture(params=SEEDS)
def world(ledger, projector, request):
    world = World(ledger, seed=request.param)
    for _ in world.history(batches=4, steps=160):
        pass
    catch_up(projector)
    return world


def job_of(world, job_id):
    return decider.fold(world.ledger.load(job_id).events)


@pytest.mark.acceptance("2.17")
def test_what_waits_is_listed_oldest_first(world, database_url):
    rows = ask(database_url, "SELECT * FROM ops.v_pending")
    jobs = {str(row["record"]): row for row in rows if row["kind"] == "job"}
    waiting = {job_id for job_id in world.job_ids if job_of(world, job_id).status in UNDER_WAY}
    assert set(jobs) == waiting
    assert {row["status"] for row in rows} <= {status.value for status in UNDER_WAY} | {"uploaded", "admitting"}
    assert [row["since"] for row in rows] == sorted(row["since"] for row in rows)
    assert all(row["age_s"] >= 0 for row in rows)
    assert all((row["due_at"] is not None) == (row["status"] == "waiting") for row in rows)


@pytest.mark.acceptance("2.18")
@pytest.mark.acceptance("2.20")
def test_what_has_failed_is_listed_newest_first(world, database_url):
    failed = {job_id for job_id in world.job_ids if job_of(world, job_id).status is JobStatus.ESCALATED}
    rows = ask(database_url, "SELECT * FROM ops.v_failed")
    assert {str(row["record"]) for row in rows} == failed
    assert failed
    times = [row["failed_at"] for row in rows]
    assert times == sorted(times, reverse=True)
    recent = ask(database_url, "SELECT * FROM ops.v_recent_errors")
    assert [row["record"] for row in recent] == [row["record"] for row in rows[:10]]
    assert set(recent[0]) == {"type", "record", "message", "time"}
    assert all(row["type"] and row["message"] for row in recent)


@pytest.mark.acceptance("2.18", part="what a person settled has failed no more")
def test_what_was_settled_is_listed_no_more(ledger, projector, database_url):
    route = ("dispatch", "confirm")
    opened = replace(examples.opened, route=route)
    unknown = replace(examples.escalated, stage="dispatch", reason="outcome_unknown")
    ledger.append([Append(opened.job_id, 0, [opened, unknown], cause())])
    catch_up(projector)
    assert len(ask(database_url, "SELECT * FROM ops.v_failed")) == 1
    settled = replace(examples.settled, stage="dispatch", happened=False)
    ledger.append([Append(opened.job_id, 2, [settled], cause())])
    catch_up(projector)
    assert ask(database_url, "SELECT * FROM ops.v_failed") == []
    [letter] = ask(database_url, "SELECT resolution, resolved_by FROM ops.dead_letters")
    assert letter == {"resolution": "settled", "resolved_by": settled.by}


@pytest.mark.acceptance("2.19")
@pytest.mark.acceptance("X13", part="what follows is found by stream and version, never by what a payload says")
def test_the_processing_rate_is_that_of_the_ledger(world, database_url):
    """Compared with counting the same in Python, stream by stream."""
    counted = defaultdict(lambda: [0, 0, 0, 0])
    for job_id in world.job_ids:
        events = world.ledger.load(job_id).events
        for place, event in enumerate(events):
            ends = getattr(event, "next_stage", "?") == "" or getattr(event, "happened", False)
            if event_name(event) not in DUE or ends:
                continue
            later = (event_name(each) for each in events[place + 1 :])
            answer = next((name for name in later if name not in NO_ANSWER), None)
            row = counted[event_name(event)]
            row[0] += 1
            row[{"StageFailed": 2, None: 3}.get(answer, 1)] += 1
    rows = ask(database_url, "SELECT * FROM ops.v_processing_rate")
    told = {row["event_type"]: [row[name] for name in ("total", "processed", "failed", "pending")] for row in rows}
    assert told == dict(counted)
    assert all(sum(row[1:]) == row[0] for row in told.values())
    assert all(row["latency_avg_s"] >= 0 for row in rows)


@pytest.mark.acceptance("2.03")
@pytest.mark.acceptance("2.07", part="an event is processed by what its stage records, in the same transaction")
def test_each_event_has_its_status_and_its_times(world, database_url):
    """Compared with the ledger, stream by stream; the number of each kind and status is the rate's."""
    rows = ask(database_url, "SELECT * FROM ops.v_pipeline_events ORDER BY event_id")
    assert set(rows[0]) == {
        *("event_id", "event_type", "record", "batch_id", "status", "payload", "created_at", "processed_at")
    }
    assert len({row["event_id"] for row in rows}) == len(rows)
    counted = defaultdict(int)
    for row in rows:
        counted[row["event_type"], row["status"]] += 1
        assert (row["processed_at"] is None) == (row["status"] == "pending")
        assert row["processed_at"] is None or row["processed_at"] >= row["created_at"]
    for rate in ask(database_url, "SELECT * FROM ops.v_processing_rate"):
        for status in ("processed", "failed", "pending"):
            assert rate[status] == counted[rate["event_type"], status]
    pending = {str(row["record"]) for row in rows if row["status"] == "pending"}
    assert pending == {job_id for job_id in world.job_ids if job_of(world, job_id).status in UNDER_WAY}
    personal = [value for value in msgspec.structs.asdict(examples.ANN).values() if value]
    assert not [value for value in personal if value in str(rows)]


@pytest.mark.acceptance("2.08", part="an error at any stage is logged with type, record, message and time")
@pytest.mark.parametrize("stage", find_stages())
def test_an_error_of_any_stage_is_recorded(ledger, projector, database_url, stage):
    opened = replace(examples.opened, route=(stage, "confirm") if stage != "confirm" else (stage,))
    ledger.append([Append(opened.job_id, 0, [opened], cause())])
    gave_up = GiveUp("no_such_contact", message="nobody under this name")
    asked = RecordOutcome(job_id=opened.job_id, at=NOON, stage=stage, attempt=1, outcome=gave_up, retry=RetryPolicy())
    handle(ledger, decider, opened.job_id, asked, cause())
    catch_up(projector)
    [error] = ask(database_url, "SELECT * FROM ops.v_recent_errors")
    assert (error["type"], str(error["record"])) == (f"{stage}/no_such_contact", opened.job_id)
    assert (error["message"], error["time"]) == ("nobody under this name", NOON)


@pytest.mark.acceptance("2.19", part="latency begins when the work is due, and ends with its answer")
def test_waiting_for_a_time_is_no_latency(ledger, projector, database_url):
    opened = replace(examples.opened, route=("verify", "confirm"))
    ledger.append([Append(opened.job_id, 0, [opened], cause())])
    retry = replace(examples.retry_scheduled, due_at=NOON + timedelta(days=3_650))
    ledger.append([Append(opened.job_id, 1, [replace(examples.failed), retry], cause())])
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE ledger.stored_events DISABLE TRIGGER append_only")
        owner.execute(
            "UPDATE ledger.stored_events SET recorded_at = recorded_at - interval '40 s' WHERE originator_version = 1"
        )
        owner.execute("ALTER TABLE ledger.stored_events ENABLE ALWAYS TRIGGER append_only")
    done = replace(examples.completed, stage="verify", attempt=2, next_stage="")
    ledger.append([Append(opened.job_id, 3, [done], cause())])
    rows = {row["event_type"]: row for row in ask(database_url, "SELECT * FROM ops.v_processing_rate")}
    assert (rows["JobOpened"]["failed"], rows["RetryScheduled"]["processed"]) == (1, 1)
    assert 40 <= rows["JobOpened"]["latency_avg_s"] < 60
    assert rows["RetryScheduled"]["latency_avg_s"] == 0
