"""What may be asked of an operation."""

from datetime import datetime

import msgspec

from dispatch.domain.operations.events import Repair


class RecordReconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """Keep what a reconciliation found and what it mended."""

    operation_id: str
    at: datetime
    by: str
    scope: str
    batches: int
    jobs: int
    counts: dict[str, int]
    repairs: tuple[Repair, ...]
    duration_ms: int


Command = RecordReconciliation
