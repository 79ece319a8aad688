"""The sheet of what is due: each due job is handed out once, again when it was not driven on, never too early."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace

import examples
from dispatch.adapters.postgres.due import TABLE
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.queries import DueJob
from dispatch.domain.job.priority import JobPriority
from end_to_end.running import eventually
from ledgers import cause, new_id

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.acceptance("X20", part="a job that nobody drives on is handed out again"),
]
STAGES = ["verify", "dispatch"]
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def given(ledger, project):
    """Records a job's events at some time from now and projects them; answers its id."""

    def record(*events, job_id=""):
        job_id = job_id or new_id()
        version = ledger.load(job_id).version
        ledger.append([Append(job_id, version, [replace(event, job_id=job_id) for event in events], cause())])
        project()
        return job_id

    return record


def at(event, ago):
    return replace(event, at=datetime.now(UTC) - ago)


def retry(due_in):
    return replace(examples.retry_scheduled, due_at=datetime.now(UTC) + due_in)


def test_a_retry_is_due_at_its_time_and_handed_out_once(sheet, given):
    due = given(examples.opened, examples.failed, retry(-AN_HOUR))
    given(examples.opened, examples.failed, retry(AN_HOUR))
    assert sheet.sweep(STAGES, stale=False) == [DueJob(due, "verify")]
    assert sheet.sweep(STAGES, stale=False) == []
    assert sheet.sweep(STAGES, stale=True) == []


def test_the_longest_overdue_come_first_and_the_rest_next_time(sheet, given):
    later, sooner = (given(examples.opened, examples.failed, retry(-hours * AN_HOUR)) for hours in (1, 2))
    assert sheet.sweep(STAGES, stale=False, limit=1) == [DueJob(sooner, "verify")]
    assert sheet.sweep(STAGES, stale=False, limit=2) == [DueJob(later, "verify")]


def test_only_for_the_stages_that_were_asked(sheet, given):
    due = given(examples.opened, examples.failed, retry(-AN_HOUR))
    assert sheet.sweep(["dispatch"], stale=False) == []
    assert sheet.sweep(["verify"], stale=False) == [DueJob(due, "verify")]


def test_a_new_due_time_is_a_new_lease(sheet, given):
    due = given(examples.opened, examples.failed, retry(-AN_HOUR))
    assert sheet.sweep(STAGES, stale=False) == [DueJob(due, "verify")]
    given(replace(examples.failed, attempt=2), retry(-AN_HOUR / 2), job_id=due)
    assert sheet.sweep(STAGES, stale=False) == [DueJob(due, "verify")]


def test_a_lease_runs_out(sheet, given, database_url):
    due = given(examples.opened, examples.failed, retry(-AN_HOUR))
    assert sheet.sweep(STAGES, stale=False) == [DueJob(due, "verify")]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE ops.due_leases SET leased_until = now() - interval '1 second'")
    assert sheet.sweep(STAGES, stale=False) == [DueJob(due, "verify")]


def test_losing_the_leases_costs_a_repetition(sheet, given, database_url):
    due = given(examples.opened, examples.failed, retry(-AN_HOUR))
    assert sheet.sweep(STAGES, stale=False) == [DueJob(due, "verify")]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE ops.due_leases")  # As after a crash: the table is unlogged.
    sheet.prepare()
    assert sheet.sweep(STAGES, stale=False) == [DueJob(due, "verify")]


def test_a_running_job_that_has_not_moved_for_a_minute_is_stale(sheet, given):
    stuck = given(at(examples.opened, timedelta(seconds=61)))
    given(at(examples.opened, timedelta(seconds=30)))
    assert sheet.sweep(STAGES, stale=False) == []
    assert sheet.sweep(STAGES, stale=True) == [DueJob(stuck, "verify")]


def test_a_job_that_was_started_and_then_forgotten_is_stale(sheet, given):
    """A worker that died between noting the attempt and its answer (message "SENDING" for ever)."""
    stuck = given(at(examples.opened, AN_HOUR), at(examples.completed, AN_HOUR), at(examples.started, AN_HOUR))
    assert sheet.sweep(STAGES, stale=True) == [DueJob(stuck, "dispatch")]


@pytest.mark.parametrize("end", [examples.escalated, examples.blocked, examples.delivered, examples.cancelled])
def test_who_has_ended_or_is_before_a_person_is_never_due(sheet, given, end):
    given(at(examples.opened, AN_HOUR), at(examples.failed, AN_HOUR), at(end, AN_HOUR))
    assert sheet.sweep(STAGES, stale=True) == []


@pytest.mark.acceptance("4.05", part="whoever starts at the same time prepares one after the other")
def test_a_process_that_prepares_while_another_does_waits_for_it(sheet, database_url):
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(database_url) as first, psycopg.connect(database_url, autocommit=True) as watch:
        watch.execute("DROP TABLE ops.due_leases")
        prepare_alone(first)
        first.execute(TABLE)
        with ThreadPoolExecutor(1) as second:
            prepared = second.submit(sheet.prepare)
            eventually(lambda: watch.execute(waiting).fetchone()[0], bool)
            first.commit()
            prepared.result(timeout=30)
    assert sheet.sweep(STAGES, stale=False) == []


@pytest.mark.acceptance("S.05", part="what is scheduled is handed out at its time, and not before")
def test_what_is_scheduled_is_due_at_its_time_with_its_priority(sheet, given):
    now = datetime.now(UTC)

    def scheduled(due_in):
        opened = replace(examples.opened, at=now - 2 * AN_HOUR, scheduled_at=now + due_in, priority=JobPriority.HIGH)
        return given(opened)

    due = scheduled(-AN_HOUR)
    scheduled(AN_HOUR)
    assert sheet.sweep(STAGES, stale=True) == [DueJob(due, "verify", JobPriority.HIGH)]
    assert sheet.sweep(STAGES, stale=True) == []


@pytest.mark.acceptance("S.09", part="what a reconciliation offers is handed out once, whatever the views say")
def test_what_was_offered_is_handed_out_once_and_only_to_its_stage(sheet):
    first, second = sorted([new_id(), new_id()])
    sheet.offer([(first, "verify"), (second, "dispatch"), (first, "verify")])
    assert sheet.sweep(["clear"], stale=False) == []
    assert sheet.sweep(["verify"], stale=False) == [DueJob(first, "verify")]
    assert sheet.sweep(STAGES, stale=False) == [DueJob(second, "dispatch")]
    assert sheet.sweep(STAGES, stale=False) == []


def test_of_many_offers_a_sweep_takes_as_many_as_it_may(sheet):
    offered = [(new_id(), "verify") for _ in range(30)]
    sheet.offer(offered)
    with ThreadPoolExecutor(2) as threads:
        swept = list(threads.map(lambda _: sheet.sweep(STAGES, stale=False, limit=10), range(4)))
    assert sorted(job.job_id for part in swept for job in part) == sorted(job_id for job_id, _ in offered)
