"""The rules of a batch: judged whole, refused whole, admitted in chunks, closed when nothing is open."""

from typing import assert_never

from dispatch.domain.batch.approving import approve, escalate_approval, prioritise, refuse
from dispatch.domain.batch.commands import (
    AdmitChunk,
    ApproveBatch,
    CloseBatch,
    Command,
    EscalateApproval,
    FinishAdmission,
    FinishCorrection,
    FinishUndo,
    PrioritiseBatch,
    ReceiveBatch,
    ReceiveCorrection,
    RecordJudgement,
    RefuseBatch,
    RejectBatch,
    RepairRows,
    ResetBatch,
    UndoBatch,
)
from dispatch.domain.batch.events import (
    ApprovalRequested,
    BatchAdmitted,
    BatchClosed,
    BatchJudged,
    BatchReceived,
    BatchRejected,
    ChunkAdmitted,
    Event,
    RowsRefused,
)
from dispatch.domain.batch.refusals import BatchBusy, BatchHasOpenJobs, must_be_judged, must_be_known
from dispatch.domain.batch.repairing import finish_correction, in_events, receive_correction, repair_rows
from dispatch.domain.batch.state import ENDED, Batch, BatchStatus, evolve
from dispatch.domain.batch.undoing import finish_undo, reset, undo
from dispatch.domain.decider import Decider
from dispatch.domain.rows import Budget

FILE_DRIFTED = "file_drifted"
ERRORS_OF_DRIFT = 20
"""Of a file that has changed as a whole, so many examples say as much as thousands."""


def decide(command: Command, batch: Batch) -> list[Event]:
    """The events that this command makes of this batch; none when it was carried out before.

    Raises:
        DomainError: the command breaks a rule; `refusals` lists them.
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
        case ApproveBatch():
            return approve(command, batch)
        case RefuseBatch():
            return refuse(command, batch)
        case EscalateApproval():
            return escalate_approval(command, batch)
        case PrioritiseBatch():
            return prioritise(command, batch)
        case ReceiveCorrection():
            return receive_correction(command, batch)
        case RepairRows():
            return repair_rows(command, batch)
        case FinishCorrection():
            return finish_correction(command, batch)
        case UndoBatch():
            return undo(command, batch)
        case FinishUndo():
            return finish_undo(command, batch)
        case ResetBatch():
            return reset(command, batch)
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
            priority=command.priority,
        )
    ]


def judge(command: RecordJudgement, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    if batch.status is not BatchStatus.UPLOADED:
        return []
    budget = Budget(batch.error_threshold_percent)
    broken = budget.broken(command.rejected, command.rows)
    told = command.errors[:ERRORS_OF_DRIFT] if broken and command.drift else command.errors
    events: list[Event] = [
        RowsRefused(batch_id=command.batch_id, at=command.at, errors=errors) for errors in in_events(told)
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
            value_pence=command.value_pence,
            stopped_at_row=command.stopped_at_row,
            rows_at_most=command.rows_at_most,
        )
    )
    if broken and command.drift:
        reason = f"{command.drift}. The file has changed, or needs another profile"
        events.append(BatchRejected(batch_id=command.batch_id, at=command.at, code=FILE_DRIFTED, reason=reason))
    elif broken:
        reason = budget.reason(command.rejected, command.rows)
        if command.stopped_at_row:
            reason += f"; judging stopped at row {command.stopped_at_row:,} of at most {command.rows_at_most:,}"
        events.append(
            BatchRejected(batch_id=command.batch_id, at=command.at, code="error_budget_exceeded", reason=reason)
        )
    elif why := command.desk.reason(rows=command.rows, rejected=command.rejected, value_pence=command.value_pence):
        events.append(
            ApprovalRequested(
                batch_id=command.batch_id,
                at=command.at,
                reason=why,
                due_at=command.at + command.desk.answer_within,
                other_person=command.desk.other_person,
            )
        )
    return events


def reject(command: RejectBatch, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    if batch.status is not BatchStatus.UPLOADED:
        return []
    return [BatchRejected(batch_id=command.batch_id, at=command.at, code=command.code, reason=command.reason)]


def admit_chunk(command: AdmitChunk, batch: Batch) -> list[Event]:
    must_be_judged(command, batch)
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
    must_be_judged(command, batch)
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
    must_be_judged(command, batch)
    if batch.status in ENDED:
        return []
    if batch.corrections_judged < len(batch.corrections):
        raise BatchBusy(command.batch_id, "corrected rows wait to be judged")
    ended = command.delivered + command.blocked + command.cancelled + command.archived
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
            archived=command.archived,
        )
    ]


decider: Decider[Command, Event, Batch] = Decider(initial=Batch, decide=decide, evolve=evolve)
