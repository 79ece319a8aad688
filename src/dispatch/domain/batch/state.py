"""What deciding about a batch needs to know."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from dispatch.domain.batch.desk import DeskRules, Priority
from dispatch.domain.batch.events import (
    ApprovalEscalated,
    ApprovalRequested,
    BatchAdmitted,
    BatchApproved,
    BatchClosed,
    BatchJudged,
    BatchPrioritised,
    BatchReceived,
    BatchRejected,
    BatchReset,
    BatchUndone,
    ChunkAdmitted,
    CorrectionJudged,
    CorrectionReceived,
    Event,
    RowsRefused,
    RowsRepaired,
    UndoRequested,
)


class BatchStatus(StrEnum):
    """Where a batch stands. The only list of these names: SQL, documents and screens are tested against it."""

    UPLOADED = "uploaded"
    AWAITING_APPROVAL = "awaiting_approval"
    ADMITTING = "admitting"
    PROCESSING = "processing"
    WAITING_ON_PEOPLE = "waiting_on_people"  # Seen in views: every open job of the batch is before a person.
    COMPLETE = "complete"
    COMPLETE_WITH_EXCEPTIONS = "complete_with_exceptions"
    REJECTED = "rejected"
    UNDOING = "undoing"
    UNDONE = "undone"


ADMITTED = frozenset({BatchStatus.PROCESSING, BatchStatus.COMPLETE, BatchStatus.COMPLETE_WITH_EXCEPTIONS})
"""Every good row is a recorded job."""
ENDED = frozenset(
    {BatchStatus.COMPLETE, BatchStatus.COMPLETE_WITH_EXCEPTIONS, BatchStatus.REJECTED, BatchStatus.UNDONE}
)
"""Nothing is left to do, until a person corrects, undoes or resets the batch."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as its events made it; `status` is None before anything was received."""

    status: BatchStatus | None = None
    received_at: datetime | None = None  # Or reset: the ids of its jobs begin with this moment.
    resets: int = 0
    file_hash: str = ""
    profile: str = ""
    profile_version: int = 1
    error_threshold_percent: int = 10
    brought_by: str = ""
    priority: Priority = Priority.NORMAL
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0
    chunks: int = 0
    row_through: int = 0
    jobs: int = 0
    kept: int = 0  # Jobs that an undo could not cancel; they stay jobs of the batch when it is reset.
    value_pence: int = 0
    approval_due_at: datetime | None = None
    approval_level: int = 0
    answer_within: timedelta = DeskRules().answer_within
    other_person: bool = False
    decided_by: str = ""
    corrections: tuple[str, ...] = ()  # The hashes of the files of corrected rows, in the order of their coming.
    corrections_judged: int = 0
    repaired: frozenset[int] = frozenset()


def evolve(batch: Batch, event: Event) -> Batch:
    """The batch after this event."""
    match event:
        case BatchReceived():
            return replace(
                batch,
                status=BatchStatus.UPLOADED,
                received_at=event.at,
                file_hash=event.file_hash,
                profile=event.profile,
                profile_version=event.profile_version,
                error_threshold_percent=event.error_threshold_percent,
                brought_by=event.by,
                priority=event.priority,
            )
        case RowsRefused():
            return batch
        case BatchJudged():
            return replace(
                batch,
                status=BatchStatus.ADMITTING,
                rows=event.rows,
                accepted=event.accepted,
                rejected=event.rejected,
                duplicates=event.duplicates,
                value_pence=event.value_pence,
                decided_by="",
                corrections_judged=len(batch.corrections),
            )
        case BatchRejected():
            return replace(batch, status=BatchStatus.REJECTED, decided_by=event.by)
        case ChunkAdmitted():
            return replace(
                batch,
                chunks=event.chunk,
                row_through=event.row_through,
                jobs=batch.jobs + event.jobs,
                duplicates=batch.duplicates + event.duplicates,
            )
        case BatchAdmitted():
            return replace(batch, status=BatchStatus.PROCESSING)
        case BatchClosed():
            return replace(batch, status=BatchStatus(event.outcome))
        case ApprovalRequested():
            return replace(
                batch,
                status=BatchStatus.AWAITING_APPROVAL,
                approval_due_at=event.due_at,
                approval_level=1,
                answer_within=event.due_at - event.at,
                other_person=event.other_person,
            )
        case ApprovalEscalated():
            return replace(batch, approval_level=event.level, approval_due_at=event.due_at)
        case BatchApproved():
            return replace(batch, status=BatchStatus.ADMITTING, decided_by=event.by)
        case BatchPrioritised():
            return replace(batch, priority=event.priority)
        case CorrectionReceived():
            status = BatchStatus.UPLOADED if event.rejudges else batch.status
            return replace(batch, status=status, corrections=(*batch.corrections, event.file_hash))
        case RowsRepaired():
            return replace(
                batch,
                status=BatchStatus.PROCESSING,
                accepted=batch.accepted + len(event.rows),
                rejected=batch.rejected - len(event.rows) - len(event.duplicates),
                duplicates=batch.duplicates + len(event.duplicates),
                jobs=batch.jobs + len(event.rows),
                repaired=batch.repaired.union(event.rows, event.duplicates),
            )
        case CorrectionJudged():
            return replace(batch, corrections_judged=event.correction)
        case UndoRequested():
            return replace(batch, status=BatchStatus.UNDOING)
        case BatchUndone():
            return replace(batch, status=BatchStatus.UNDONE, kept=event.kept)
        case BatchReset():
            return Batch(
                status=BatchStatus.UPLOADED,
                received_at=event.at,
                resets=batch.resets + 1,
                file_hash=batch.file_hash,
                profile=batch.profile,
                profile_version=batch.profile_version,
                error_threshold_percent=event.error_threshold_percent,
                brought_by=batch.brought_by,
                priority=batch.priority,
                jobs=batch.kept,
                kept=batch.kept,
                corrections=batch.corrections,
            )
