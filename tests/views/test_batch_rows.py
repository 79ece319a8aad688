"""Rows of batches and of refused values: through their states, before a person, corrected, undone."""

from datetime import timedelta

import psycopg
import pytest
from msgspec.structs import asdict, replace
from projected import given as given

import examples
from dispatch.application.ports.queries import RowErrorRow
from dispatch.domain.batch.state import BatchStatus
from examples import BATCH_ID, JOB_ID, NOON

pytestmark = pytest.mark.postgres


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
