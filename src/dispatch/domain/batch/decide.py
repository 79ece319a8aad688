"""The rules of a batch: judged whole, refused whole, admitted in chunks, closed when nothing is open."""

from typing import assert_never

from dispatch.domain.batch.commands import (
    AdmitChunk,
    BatchCommand,
    CloseBatch,
    Command,
    FinishAdmission,
    ReceiveBatch,
    RecordJudgement,
    RejectBatch,
)
from dispatch.domain.batch.events import (
    BatchAdmitted,
    BatchClosed,
    BatchJudged,
    BatchReceived,
    BatchRejected,
    ChunkAdmitted,
    Event,
    RowsRefused,
)
from dispatch.domain.batch.state import ENDED, Batch, BatchStatus, evolve
from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from dispatch.domain.rows import Budget

ERRORS_PER_EVENT = 500
"""Refused values travel in events of bounded size."""


class BatchUnknown(DomainError):
    """No file was received under this batch id."""

    code = "batch_unknown"


class BatchNotJudged(DomainError):
    """Rows are recorded only after all of them were judged."""

    code = "batch_not_judged"


class BatchHasOpenJobs(DomainError):
    """A batch is complete only when each of its jobs has ended."""

    code = "batch_has_open_jobs"


def decide(command: Command, batch: Batch) -> list[Event]:
    """The events that this command makes of this batch; none when it was carried out before.

    Raises:
        BatchUnknown, BatchNotJudged, BatchHasOpenJobs, ThresholdOutOfRange: the command breaks a rule.
    """
    match command:
        case ReceiveBatch():
            return receive(command, batch)
        case RecordJudgement():
            return judge(command, batch)
        case RejectBatch():
            return reject(command, batch)
        case AdmitChunk():
            return admit_chunk(command, batch)
        case FinishAdmission():
            return finish_admission(command, batch)
        case CloseBatch():
            return close(command, batch)
        case _:
            assert_never(command)


def receive(command: ReceiveBatch, batch: Batch) -> list[Event]:
    if batch.status is not None:
        return []  # The same file again is the same batch.
    return [
        BatchReceived(
            batch_id=command.batch_id,
            at=command.at,
            file_name=command.file_name,
            file_hash=command.file_hash,
            file_bytes=command.file_bytes,
            profile=command.profile,
            profile_version=command.profile_version,
            error_threshold_percent=Budget(command.error_threshold_percent).threshold_percent,
            run=command.run,
            by=command.by,
        )
    ]


def judge(command: RecordJudgement, batch: Batch) -> list[Event]:
    _known(command, batch)
    if batch.status is not BatchStatus.UPLOADED:
        return []
    events: list[Event] = [
        RowsRefused(batch_id=command.batch_id, at=command.at, errors=command.errors[i : i + ERRORS_PER_EVENT])
        for i in range(0, len(command.errors), ERRORS_PER_EVENT)
    ]
    events.append(
        BatchJudged(
            batch_id=command.batch_id,
            at=command.at,
            rows=command.rows,
            accepted=command.accepted,
            rejected=command.rejected,
            duplicates=command.duplicates,
            errors_by_code=command.errors_by_code,
            parse_duration_ms=command.parse_duration_ms,
        )
    )
    budget = Budget(batch.error_threshold_percent)
    if budget.broken(command.rejected, command.rows):
        reason = budget.reason(command.rejected, command.rows)
        events.append(
            BatchRejected(batch_id=command.batch_id, at=command.at, code="error_budget_exceeded", reason=reason)
        )
    return events


def reject(command: RejectBatch, batch: Batch) -> list[Event]:
    _known(command, batch)
    if batch.status is not BatchStatus.UPLOADED:
        return []
    return [BatchRejected(batch_id=command.batch_id, at=command.at, code=command.code, reason=command.reason)]


def admit_chunk(command: AdmitChunk, batch: Batch) -> list[Event]:
    _judged(command, batch)
    if command.row_through <= batch.row_through or batch.status is not BatchStatus.ADMITTING:
        return []  # Recorded before: these rows are jobs already.
    return [
        ChunkAdmitted(
            batch_id=command.batch_id,
            at=command.at,
            chunk=command.chunk,
            row_through=command.row_through,
            jobs=command.jobs,
            duplicates=command.duplicates,
        )
    ]


def finish_admission(command: FinishAdmission, batch: Batch) -> list[Event]:
    _judged(command, batch)
    if batch.status is not BatchStatus.ADMITTING:
        return []
    return [
        BatchAdmitted(
            batch_id=command.batch_id,
            at=command.at,
            jobs=batch.jobs,
            duplicates=batch.duplicates,
            db_duration_ms=command.db_duration_ms,
        )
    ]


def close(command: CloseBatch, batch: Batch) -> list[Event]:
    _judged(command, batch)
    if batch.status in ENDED:
        return []
    ended = command.delivered + command.blocked + command.cancelled
    if batch.status is not BatchStatus.PROCESSING or ended != batch.jobs:
        raise BatchHasOpenJobs(command.batch_id, f"{ended} of {batch.jobs} ended")
    whole = command.delivered == batch.jobs and batch.rejected == 0
    outcome = BatchStatus.COMPLETE if whole else BatchStatus.COMPLETE_WITH_EXCEPTIONS
    return [
        BatchClosed(
            batch_id=command.batch_id,
            at=command.at,
            outcome=outcome.value,
            delivered=command.delivered,
            blocked=command.blocked,
            cancelled=command.cancelled,
        )
    ]


def _known(command: BatchCommand, batch: Batch) -> None:
    if batch.status is None:
        raise BatchUnknown(command.batch_id)


def _judged(command: BatchCommand, batch: Batch) -> None:
    _known(command, batch)
    if batch.status is BatchStatus.UPLOADED:
        raise BatchNotJudged(command.batch_id)


decider: Decider[Command, Event, Batch] = Decider(initial=Batch, decide=decide, evolve=evolve)
