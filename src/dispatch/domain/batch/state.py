"""What deciding about a batch needs to know."""

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

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


class BatchStatus(StrEnum):
    """Where a batch stands. The only list of these names: SQL, documents and screens are tested against it."""

    UPLOADED = "uploaded"
    ADMITTING = "admitting"
    PROCESSING = "processing"
    WAITING_ON_PEOPLE = "waiting_on_people"  # Seen in views: every open job of the batch is before a person.
    COMPLETE = "complete"
    COMPLETE_WITH_EXCEPTIONS = "complete_with_exceptions"
    REJECTED = "rejected"


ENDED = frozenset({BatchStatus.COMPLETE, BatchStatus.COMPLETE_WITH_EXCEPTIONS, BatchStatus.REJECTED})


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as its events made it; `status` is None before anything was received."""

    status: BatchStatus | None = None
    received_at: datetime | None = None
    file_hash: str = ""
    profile: str = ""
    profile_version: int = 1
    error_threshold_percent: int = 10
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0
    chunks: int = 0
    row_through: int = 0
    jobs: int = 0


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
            )
        case BatchRejected():
            return replace(batch, status=BatchStatus.REJECTED)
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
