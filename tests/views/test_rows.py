"""Given events, then rows: what each view makes of what happened, as the doors read it."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from following import catch_up
from msgspec.structs import asdict, replace

import examples
from dispatch.adapters.postgres.rebuild import rebuild
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.queries import EscalationRow, JobRow, RowErrorRow, StageProgress
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.identity import job_ids
from dispatch.domain.job.state import JobStatus
from examples import BATCH_ID, JOB_ID, NOON
from ledgers import cause

pytestmark = pytest.mark.postgres

OPENED = JobRow(
    job_id=JOB_ID,
    batch_id=BATCH_ID,
    row=7,
    reference="JOB-0007",
    service="boiler service",
    price_pence=9500,
    status=JobStatus.RUNNING,
    stage="verify",
    attempts=0,
    error_code="",
    opened_at=NOON,
    changed_at=NOON,
    due_at=NOON + timedelta(seconds=60),
    version=1,
)


@pytest.fixture
def given(ledger, projector):
    """Records events, each on its aggregate's stream, and projects them."""

    def record(*events):
        for event in events:
            stream = getattr(event, "job_id", BATCH_ID)
            ledger.append([Append(stream, ledger.load(stream).version, [event], cause())])
        catch_up(projector)

    return record


def job_row(**changed):
    return JobRow(**(asdict(OPENED) | changed))


@pytest.mark.parametrize(
    ("events", "row"),
    [
        ((), OPENED),
        ((examples.completed,), job_row(stage="dispatch", version=2)),
        ((examples.failed,), job_row(attempts=1, error_code="timeout", due_at=None, version=2)),
        (
            (examples.failed, examples.retry_scheduled),
            job_row(
                status=JobStatus.WAITING,
                attempts=1,
                error_code="timeout",
                due_at=NOON + timedelta(seconds=1.125),
                version=3,
            ),
        ),
        (
            (examples.failed, examples.escalated),
            job_row(status=JobStatus.ESCALATED, attempts=1, error_code="timeout", due_at=None, version=3),
        ),
        (
            (examples.failed, examples.escalated, examples.resumed),
            job_row(attempts=1, error_code="timeout", version=4),
        ),
        ((examples.completed, examples.started), job_row(stage="dispatch", version=3)),
        (
            (examples.failed, examples.retry_scheduled, examples.completed),
            job_row(stage="dispatch", attempts=0, error_code="", version=4),
        ),
        ((examples.blocked,), job_row(status=JobStatus.BLOCKED, error_code="no_lawful_basis", due_at=None, version=2)),
        ((examples.delivered,), job_row(status=JobStatus.DELIVERED, due_at=None, version=2)),
        (
            (examples.cancelled,),
            job_row(status=JobStatus.CANCELLED, error_code="customer moved", due_at=None, version=2),
        ),
    ],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one step", "event by event"])
def test_jobs(given, queries, events, row, at_once):
    """However events are cut into steps, the row is the same."""
    if at_once:
        given(examples.opened, *events)
    else:
        for event in (examples.opened, *events):
            given(event)
    assert queries.job(JOB_ID) == row
    assert queries.jobs(batch_id=BATCH_ID, status=row.status, stage=row.stage) == [row]
    assert queries.jobs(after=JOB_ID) == []


@pytest.mark.acceptance("1.01", part="file_hash is unique per run, and read from the view")
@pytest.mark.acceptance("1.02", part="the columns error_threshold_percent and rejection_reason")
@pytest.mark.acceptance("1.03", part="the columns parse_duration_ms and db_duration_ms")
def test_a_batch_through_its_states(given, queries):
    given(examples.received)
    row = queries.batch(BATCH_ID)
    assert (row.status, row.file_hash, row.run, row.error_threshold_percent, row.received_at) == (
        BatchStatus.UPLOADED,
        examples.FILE_HASH,
        2,
        10,
        NOON,
    )
    given(examples.rows_refused, examples.judged)
    row = queries.batch(BATCH_ID)
    assert row.status is BatchStatus.ADMITTING
    assert (row.rows, row.accepted, row.rejected, row.duplicates) == (12, 10, 1, 1)
    assert (row.errors_by_code, row.parse_duration_ms) == ({"invalid_money": 1}, 45)
    given(examples.chunk_admitted, examples.admitted)
    row = queries.batch(BATCH_ID)
    assert row.status is BatchStatus.PROCESSING
    assert (row.accepted, row.duplicates, row.jobs, row.running, row.db_duration_ms) == (9, 2, 9, 9, 120)
    assert row.accepted + row.rejected + row.duplicates == row.rows
    given(examples.closed)
    row = queries.batch(BATCH_ID)
    assert (row.status, row.closed_at) == (BatchStatus.COMPLETE_WITH_EXCEPTIONS, NOON)
    assert queries.batches() == [row]
    assert queries.batches(before=NOON) == []


@pytest.mark.acceptance("1.02", part="the rejection reason of a batch over its budget")
def test_a_rejected_batch_says_why(given, queries):
    given(examples.received, examples.judged, examples.rejected)
    row = queries.batch(BATCH_ID)
    assert row.status is BatchStatus.REJECTED
    assert row.rejection_code == "error_budget_exceeded"
    assert row.rejection_reason == "Error rate 15.0% exceeded threshold 10%"


@pytest.mark.acceptance("1.04")
@pytest.mark.acceptance("1.15")
def test_refused_values_with_their_codes(given, queries):
    more = replace(examples.BAD_MONEY, row=9, line=11)
    given(examples.received, replace(examples.rows_refused, errors=(examples.BAD_MONEY, more)))
    first = RowErrorRow(
        batch_id=BATCH_ID,
        row=3,
        line=5,
        column="price",
        code="invalid_money",
        found="12..0",
        expected="pounds and pence",
        fix="write 12.00",
    )
    second = RowErrorRow(**(asdict(first) | {"row": 9, "line": 11}))
    assert queries.row_errors(BATCH_ID) == [first, second]
    assert queries.row_errors(BATCH_ID, limit=1) == [first]
    assert queries.row_errors(BATCH_ID, after_row=3) == [second]


def test_a_batch_counts_what_became_of_its_jobs(given, queries):
    """Its state follows from its jobs, not from their having been queued."""
    jobs = [JOB_ID[:-1] + digit for digit in "123456789"]
    given(examples.received, examples.judged, examples.chunk_admitted, examples.admitted)
    given(*(replace(examples.opened, job_id=job) for job in jobs))
    given(*(replace(examples.delivered, job_id=job) for job in jobs[:5]), replace(examples.blocked, job_id=jobs[5]))
    given(*(replace(examples.escalated, job_id=job) for job in jobs[6:]))
    row = queries.batch(BATCH_ID)
    assert (row.delivered, row.blocked, row.escalated, row.running) == (5, 1, 3, 0)
    assert row.status is BatchStatus.WAITING_ON_PEOPLE
    given(replace(examples.resumed, job_id=jobs[6]), replace(examples.cancelled, job_id=jobs[7]))
    row = queries.batch(BATCH_ID)
    assert (row.cancelled, row.escalated, row.running, row.status) == (1, 1, 1, BatchStatus.PROCESSING)
    assert queries.closable_batches() == []
    given(replace(examples.delivered, job_id=jobs[6]), replace(examples.cancelled, job_id=jobs[8]))
    assert [row.batch_id for row in queries.closable_batches()] == [BATCH_ID]
    totals = queries.job_totals()
    assert (totals.running, totals.delivered, totals.blocked, totals.cancelled) == (0, 6, 1, 2)


@pytest.mark.acceptance("X22", part="what was given up is before a person, with its reason")
def test_escalations_are_open_until_someone_ends_them(given, queries):
    given(examples.opened, examples.failed, examples.escalated)
    [row] = queries.escalations()
    assert row == EscalationRow(
        job_id=JOB_ID,
        batch_id=BATCH_ID,
        stage="verify",
        reason="timeout",
        opened_at=NOON,
        priority=row.priority,
        provider="main",
        since=NOON,
    )
    given(examples.resumed)
    assert queries.escalations() == []
    given(replace(examples.escalated, at=NOON + timedelta(hours=1), reason="refused"))
    assert [(row.reason, row.opened_at) for row in queries.escalations()] == [("refused", NOON + timedelta(hours=1))]
    given(examples.cancelled)
    assert queries.escalations() == []


@pytest.mark.parametrize(("hours", "priority"), [(23, "NORMAL"), (25, "HIGH"), (49, "CRITICAL")])
def test_escalations_grow_more_urgent(given, queries, hours, priority):
    given(examples.opened, replace(examples.escalated, at=datetime.now(UTC) - timedelta(hours=hours)))
    assert [row.priority for row in queries.escalations()] == [priority]


def test_stage_progress_counts_per_batch_and_stage(given, queries):
    given(examples.opened, examples.failed, examples.retry_scheduled, examples.completed)
    given(replace(examples.escalated, stage="dispatch"), replace(examples.blocked, stage="dispatch"))
    verify = StageProgress(stage="verify", entered=1, completed=1, failed_attempts=1, retries=1, escalated=0, blocked=0)
    dispatch = StageProgress(
        stage="dispatch", entered=1, completed=0, failed_attempts=0, retries=0, escalated=1, blocked=1
    )
    assert queries.stage_progress(BATCH_ID) == [verify, dispatch]


@pytest.mark.acceptance("1.37", part="the stages count what the batch has, after one reset and after another")
def test_stage_progress_of_a_batch_that_begins_anew_is_that_of_the_jobs_it_has(
    given, queries, ledger, projector, database_url
):
    def progress():
        return {
            row.stage: (row.entered, row.completed, row.failed_attempts) for row in queries.stage_progress(BATCH_ID)
        }

    def passed():
        return {row.stage: row.completed for row in queries.pipeline_health()}

    sent, gone, doubtful = map(job_ids(BATCH_ID, NOON), (1, 2, 3))
    given(examples.received, *(replace(examples.opened, job_id=job) for job in (sent, gone, doubtful)))
    given(*(replace(examples.completed, job_id=job) for job in (sent, gone, doubtful)))
    given(replace(examples.failed, job_id=gone, stage="dispatch"), examples.undo_requested)
    given(replace(examples.cancelled, job_id=gone, was_escalated=False), examples.undone)
    assert progress() == {"verify": (3, 3, 0), "dispatch": (3, 0, 1)}, "what was done was done"
    later = NOON + timedelta(hours=1)
    given(replace(examples.reset, at=later))
    assert progress() == {"verify": (2, 2, 0), "dispatch": (2, 0, 0)}
    assert passed() == {"verify": 3, "dispatch": 0}, "sums over everything never fall: they are counters elsewhere"

    anew = job_ids(BATCH_ID, later)(2)
    given(replace(examples.opened, job_id=anew), replace(examples.completed, job_id=anew))
    assert progress()["verify"] == (3, 3, 0)
    given(*(replace(examples.cancelled, job_id=job, was_escalated=False) for job in (anew, doubtful)))
    given(examples.undo_requested, examples.undone, replace(examples.reset, at=later + timedelta(hours=1)))
    assert progress() == {"verify": (1, 1, 0), "dispatch": (1, 0, 0)}
    assert passed() == {"verify": 4, "dispatch": 0}
    assert rebuild(database_url, ledger, "stage_progress").same


@pytest.mark.acceptance("1.10")
def test_pipeline_health_tells_what_is_at_each_stage_and_how_old_it_is(given, queries):
    waiting, stuck = JOB_ID, JOB_ID[:-1] + "8"
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    given(
        replace(examples.opened, at=an_hour_ago),
        replace(examples.failed, at=an_hour_ago),
        replace(examples.retry_scheduled, at=an_hour_ago),
        replace(examples.opened, job_id=stuck, at=datetime.now(UTC)),
        replace(examples.completed, job_id=stuck, at=datetime.now(UTC)),
        replace(examples.escalated, job_id=stuck, stage="dispatch", at=an_hour_ago),
    )
    verify, dispatch = queries.pipeline_health()
    assert (verify.stage, verify.running, verify.waiting, verify.escalated) == ("verify", 0, 1, 0)
    assert (verify.completed, verify.failed_attempts, verify.retries) == (1, 1, 1)
    assert (dispatch.stage, dispatch.running, dispatch.waiting, dispatch.escalated) == ("dispatch", 0, 0, 1)
    assert 3600 <= verify.oldest_age_s < 3720
    assert 3600 <= dispatch.oldest_age_s < 3720
    assert waiting in queries.job_ids(JOB_ID[:-1])


def test_a_job_is_found_by_the_beginning_of_its_id(given, queries):
    given(examples.opened)
    assert queries.job_ids(JOB_ID[:10]) == [JOB_ID]
    assert queries.job_ids("ffff") == []


def test_ids_that_nobody_has(queries, projector):
    assert queries.batch(BATCH_ID) is None
    assert queries.job(JOB_ID) is None
    assert queries.row_errors(BATCH_ID) == []
    assert queries.batches() == queries.jobs() == queries.escalations() == queries.pipeline_health() == []


def test_events_without_a_batch_do_not_stop_the_views(ledger, projector, queries, given):
    """A view accepts every recorded event (traps: a projector that stops at one event stops for ever)."""
    given(examples.opened)
    lone = [replace(examples.escalated), replace(examples.resumed), replace(examples.delivered)]
    ledger.append([Append(JOB_ID, 1, lone, replace(cause(), correlation_id=""))])
    catch_up(projector)
    assert queries.job(JOB_ID).status is JobStatus.DELIVERED


@pytest.mark.acceptance("1.06")
def test_batches_are_indexed_by_time_status_and_file(database_url, projector):
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'intake' AND tablename = 'batches'"
        ).fetchall()
    indexed = {definition.partition("(")[2].partition(")")[0] for (definition,) in rows}
    assert {"created_at DESC", "status", "file_hash"} <= indexed


@pytest.mark.acceptance("1.59", part="a batch before a person, as the views show it")
def test_a_batch_before_a_person(given, queries):
    given(examples.received, examples.judged, examples.approval_requested)
    row = queries.batch(BATCH_ID)
    assert (row.status, row.approval_level, row.approval_due_at) == (
        BatchStatus.AWAITING_APPROVAL,
        1,
        NOON + timedelta(minutes=30),
    )
    assert (row.approval_reason, row.value_pence) == ("Error rate 8.3% is above the warning rate 5%", 95_000)
    given(examples.approval_escalated)
    assert queries.batch(BATCH_ID).approval_level == 2
    given(examples.approved)
    row = queries.batch(BATCH_ID)
    assert (row.status, row.decided_by, row.approval_due_at) == (BatchStatus.ADMITTING, "eve", None)


def test_corrected_rows_leave_the_refused_ones(given, queries):
    more = replace(examples.BAD_MONEY, row=9, line=11)
    given(examples.received, replace(examples.rows_refused, errors=(examples.BAD_MONEY, more), correction=0))
    given(examples.judged, examples.chunk_admitted, examples.admitted, examples.correction_received)
    assert queries.closable_batches() == []
    again = replace(more, column="phone")
    given(examples.rows_repaired, replace(examples.rows_refused, errors=(again,)), examples.correction_judged)
    row = queries.batch(BATCH_ID)
    assert (row.jobs, row.rejected, row.repaired, row.errors_by_code) == (10, 0, 1, {})
    assert row.accepted + row.rejected + row.duplicates == row.rows
    assert (row.corrections, row.corrections_judged) == (1, 1)
    assert [(error.row, error.column) for error in queries.row_errors(BATCH_ID)] == [(9, "phone")]


def test_a_rejected_batch_is_judged_again_with_corrected_rows(given, queries):
    given(examples.received, examples.rows_refused, examples.judged, examples.rejected)
    given(replace(examples.correction_received, rejudges=True))
    row = queries.batch(BATCH_ID)
    assert (row.status, row.rejection_reason, row.decided_by) == (BatchStatus.UPLOADED, "", "")
    assert queries.row_errors(BATCH_ID) == []


@pytest.mark.acceptance("1.37", part="a batch that was undone begins anew; jobs that were sent stay its jobs")
def test_a_batch_is_undone_and_reset(given, queries):
    jobs = [JOB_ID[:-1] + digit for digit in "123456789"]
    given(examples.received, examples.judged, examples.chunk_admitted, examples.admitted)
    given(*(replace(examples.opened, job_id=job) for job in jobs), replace(examples.delivered, job_id=jobs[0]))
    given(examples.undo_requested)
    assert queries.batch(BATCH_ID).status is BatchStatus.UNDOING
    given(*(replace(examples.cancelled, job_id=job, was_escalated=False) for job in jobs[1:]), examples.undone)
    row = queries.batch(BATCH_ID)
    assert (row.status, row.cancelled, row.delivered, row.closed_at) == (BatchStatus.UNDONE, 8, 1, NOON)
    given(replace(examples.reset, at=NOON + timedelta(hours=1)))
    row = queries.batch(BATCH_ID)
    assert (row.status, row.rows, row.jobs, row.delivered, row.cancelled) == (BatchStatus.UPLOADED, 0, 1, 1, 0)
    assert (row.error_threshold_percent, row.resets, row.ids_from) == (20, 1, NOON + timedelta(hours=1))
