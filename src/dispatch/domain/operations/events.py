"""What has happened in an operation on the system. Names and fields are stored: extend them, never rename."""

from datetime import datetime
from enum import StrEnum

import msgspec


class RepairKind(StrEnum):
    """What a reconciliation may do by itself. None of these sends anything or changes what is recorded."""

    OFFER_AGAIN = "offer_again"  # The relay publishes the job's work once more.
    REBUILD_VIEW = "rebuild_view"
    TAKE_OVER = "take_over"  # Another worker may take the batch.
    CLOSE_BATCH = "close_batch"


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was mended. `target` is a view or a batch; of offered jobs their batch, with their number."""

    kind: RepairKind
    target: str
    because: str  # The code of the finding.
    count: int = 1


class OperationEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about one operation; its id is drawn for it."""

    operation_id: str
    at: datetime


class ReconciliationRun(OperationEvent, frozen=True, kw_only=True):
    """Rows, jobs, events, sends and views were compared, and what was safe to mend was mended."""

    by: str
    scope: str  # "all", "open", "batch <id>", "since <time>"
    batches: int
    jobs: int
    counts: dict[str, int]  # Differences found, by code; empty where there was none.
    repairs: tuple[Repair, ...]
    duration_ms: int


Event = ReconciliationRun
