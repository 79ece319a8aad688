"""The rules of a batch, three questions a command: recorded when allowed, refused when not, nothing when repeated."""

from typing import Any

import pytest
from msgspec.structs import replace

from dispatch.domain.batch.commands import (
    AdmitChunk,
    BatchCommand,
    CloseBatch,
    FinishAdmission,
    RejectBatch,
)
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.desk import Priority
from dispatch.domain.batch.events import (
    BatchAdmitted,
    BatchClosed,
    BatchEvent,
    BatchJudged,
    BatchReceived,
    BatchRejected,
    ChunkAdmitted,
    Event,
    RowsRefused,
)
from dispatch.domain.batch.refusals import BatchHasOpenJobs, BatchNotJudged, BatchUnknown
from dispatch.domain.batch.repairing import ERRORS_PER_EVENT
from dispatch.domain.rows import ThresholdOutOfRange
from example_commands import judgement, receive
from examples import BAD_MONEY, BATCH_ID, FILE_HASH, NOON, received
from given import Given


def of_batch(kind: type[Any], **fields: Any) -> Any:
    """An event or a command of the example batch."""
    assert issubclass(kind, BatchEvent | BatchCommand)
    return kind(batch_id=BATCH_ID, at=NOON, **fields)


def judged(*, accepted: int, rejected: int = 0, duplicates: int = 0) -> list[Event]:
    return decider.decide(
        judgement(accepted=accepted, rejected=rejected, duplicates=duplicates), decider.fold([received])
    )


def chunk(number: int, row_through: int, jobs: int, duplicates: int = 0) -> ChunkAdmitted:
    return of_batch(ChunkAdmitted, chunk=number, row_through=row_through, jobs=jobs, duplicates=duplicates)


def admit(number: int, row_through: int, jobs: int, duplicates: int = 0) -> AdmitChunk:
    return of_batch(AdmitChunk, chunk=number, row_through=row_through, jobs=jobs, duplicates=duplicates)


def close(delivered: int, blocked: int = 0, cancelled: int = 0) -> CloseBatch:
    return of_batch(CloseBatch, delivered=delivered, blocked=blocked, cancelled=cancelled)


finish = of_batch(FinishAdmission, db_duration_ms=120)
unreadable = of_batch(RejectBatch, code="unclosed_quote", reason="line 3 opens a quote that is never closed")
processing = [
    received,
    *judged(accepted=10),
    chunk(1, 10, 10),
    of_batch(BatchAdmitted, jobs=10, duplicates=0, db_duration_ms=120),
]


# ReceiveBatch


@pytest.mark.acceptance("1.01", part="the same file is the same batch; the hash of a forced run is kept")
def test_a_received_file_keeps_its_hash_and_its_run():
    Given(decider).when(receive).then(
        BatchReceived(
            batch_id=BATCH_ID,
            at=NOON,
            file_name="jobs.csv",
            file_hash=FILE_HASH,
            file_bytes=2048,
            profile="service-jobs",
            error_threshold_percent=10,
            run=2,
            by="ann",
            priority=Priority.HIGH,
        )
    )


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_threshold_that_is_no_per_cent_is_refused(percent: int):
    Given(decider).when(replace(receive, error_threshold_percent=percent)).then_refused(ThresholdOutOfRange)


@pytest.mark.acceptance("1.02", part="the default")
def test_the_budget_is_ten_per_cent_unless_said_otherwise():
    assert (
        type(receive)(
            batch_id=BATCH_ID, at=NOON, file_name="", file_hash="", file_bytes=0, profile=""
        ).error_threshold_percent
        == 10
    )


def test_the_same_file_again_is_the_same_batch():
    Given(decider, received).when(replace(receive, file_name="renamed.csv")).then_nothing()


# RecordJudgement


@pytest.mark.acceptance("1.14", part="the parse duration")
def test_judging_records_counts_codes_and_duration():
    Given(decider, received).when(judgement(accepted=98, rejected=1, duplicates=1)).then(
        RowsRefused(batch_id=BATCH_ID, at=NOON, errors=(BAD_MONEY,)),
        BatchJudged(
            batch_id=BATCH_ID,
            at=NOON,
            rows=100,
            accepted=98,
            rejected=1,
            duplicates=1,
            errors_by_code={"invalid_money": 1},
            parse_duration_ms=45,
        ),
    )


@pytest.mark.acceptance("1.13", part="the decision falls before any chunk")
def test_a_broken_budget_rejects_the_file_in_the_same_breath():
    Given(decider, received).when(judgement(accepted=85, rejected=15)).then(
        *judged(accepted=85, rejected=15)[:-1],
        BatchRejected(
            batch_id=BATCH_ID,
            at=NOON,
            code="error_budget_exceeded",
            reason="Error rate 15.0% exceeded threshold 10%",
        ),
    )


def test_exactly_the_budget_passes():
    answer = Given(decider, received).when(judgement(accepted=90, rejected=10))
    assert [type(event) for event in answer.events] == [RowsRefused, BatchJudged]


def test_refused_values_travel_in_events_of_bounded_size():
    errors = tuple(replace(BAD_MONEY, row=row) for row in range(1, 2 * ERRORS_PER_EVENT + 2))
    many = replace(judgement(accepted=20_000, rejected=1_001), errors=errors)
    answer = Given(decider, received).when(many)
    sizes = [len(event.errors) for event in answer.events if isinstance(event, RowsRefused)]
    assert sizes == [ERRORS_PER_EVENT, ERRORS_PER_EVENT, 1]


def test_what_was_never_received_cannot_be_judged():
    Given(decider).when(judgement(accepted=1)).then_refused(BatchUnknown)


def test_a_batch_is_judged_once():
    Given(decider, received, *judged(accepted=10)).when(judgement(accepted=0, rejected=10)).then_nothing()


# RejectBatch


def test_a_file_that_cannot_be_read_is_rejected_with_code_and_reason():
    Given(decider, received).when(unreadable).then(
        of_batch(BatchRejected, code="unclosed_quote", reason="line 3 opens a quote that is never closed")
    )


def test_what_was_never_received_cannot_be_rejected():
    Given(decider).when(unreadable).then_refused(BatchUnknown)


def test_a_batch_that_was_judged_good_is_not_rejected_afterwards():
    Given(decider, received, *judged(accepted=10)).when(unreadable).then_nothing()


# AdmitChunk


@pytest.mark.acceptance("1.12", part="rows are recorded only after all were judged")
def test_chunks_are_admitted_after_judging_only():
    Given(decider).when(admit(1, 10, 10)).then_refused(BatchUnknown)
    Given(decider, received).when(admit(1, 10, 10)).then_refused(BatchNotJudged)
    Given(decider, received, *judged(accepted=10)).when(admit(1, 10, 10)).then(chunk(1, 10, 10))


def test_an_interrupted_admission_goes_on_behind_its_last_chunk():
    given = Given(decider, received, *judged(accepted=20), chunk(1, 10, 10))
    given.when(admit(1, 10, 10)).then_nothing()
    given.when(admit(2, 20, 8, 2)).then(chunk(2, 20, 8, 2))


@pytest.mark.acceptance("1.13", part="a rejected batch admits nothing")
def test_a_rejected_batch_admits_nothing():
    Given(decider, received, *judged(accepted=85, rejected=15)).when(admit(1, 100, 85)).then_nothing()


# FinishAdmission


@pytest.mark.acceptance("1.14", part="the database duration")
def test_finishing_sums_up_what_the_chunks_brought():
    Given(decider, received, *judged(accepted=20, duplicates=1), chunk(1, 10, 10), chunk(2, 21, 8, 2)).when(
        finish
    ).then(of_batch(BatchAdmitted, jobs=18, duplicates=3, db_duration_ms=120))


def test_finishing_needs_a_judged_batch():
    Given(decider).when(finish).then_refused(BatchUnknown)
    Given(decider, received).when(finish).then_refused(BatchNotJudged)


def test_a_batch_is_finished_once_and_a_rejected_one_never():
    Given(decider, *processing).when(finish).then_nothing()
    Given(decider, received, *judged(accepted=1, rejected=9)).when(finish).then_nothing()


# CloseBatch


def test_a_batch_of_which_everything_was_delivered_is_complete():
    Given(decider, *processing).when(close(10)).then(
        of_batch(BatchClosed, outcome="complete", delivered=10, blocked=0, cancelled=0)
    )


@pytest.mark.parametrize("ends", [close(9, blocked=1), close(9, cancelled=1), close(0, 5, 5)])
def test_a_blocked_or_cancelled_job_makes_exceptions(ends: CloseBatch):
    (event,) = Given(decider, *processing).when(ends).events
    assert isinstance(event, BatchClosed)
    assert event.outcome == "complete_with_exceptions"


def test_a_rejected_row_makes_exceptions_even_when_every_job_was_delivered():
    history = [received, *judged(accepted=19, rejected=1), chunk(1, 20, 19)]
    history.append(of_batch(BatchAdmitted, jobs=19, duplicates=0, db_duration_ms=1))
    (event,) = Given(decider, *history).when(close(19)).events
    assert isinstance(event, BatchClosed)
    assert event.outcome == "complete_with_exceptions"


@pytest.mark.acceptance("X23", part="the batch ends as its jobs ended, and not before")
def test_a_batch_with_open_jobs_is_not_closed():
    Given(decider, *processing).when(close(9)).then_refused(BatchHasOpenJobs)
    Given(decider, received, *judged(accepted=10), chunk(1, 10, 10)).when(close(10)).then_refused(BatchHasOpenJobs)


def test_closing_needs_a_judged_batch():
    Given(decider).when(close(0)).then_refused(BatchUnknown)
    Given(decider, received).when(close(0)).then_refused(BatchNotJudged)


def test_a_batch_is_closed_once():
    done = of_batch(BatchClosed, outcome="complete", delivered=10, blocked=0, cancelled=0)
    Given(decider, *processing, done).when(close(0, 10)).then_nothing()
    Given(decider, received, *judged(accepted=1, rejected=9)).when(close(0)).then_nothing()
