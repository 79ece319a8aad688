"""What has happened to a batch. Names and fields are stored: extend them, never rename."""

from datetime import datetime

import msgspec

from dispatch.domain.batch.desk import Priority
from dispatch.domain.rows import RowError


class BatchEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about one batch."""

    batch_id: str
    at: datetime


class BatchReceived(BatchEvent, frozen=True, kw_only=True):
    """A file arrived whole and can be read; nothing of it has been judged."""

    file_name: str
    file_hash: str  # SHA-256, hex
    file_bytes: int
    profile: str
    error_threshold_percent: int
    profile_version: int = 1
    run: int = 1
    by: str = ""
    priority: Priority = Priority.NORMAL


class RowsRefused(BatchEvent, frozen=True, kw_only=True):
    """Values that were refused; stored up to a cap per code, counted in `BatchJudged` without one.

    Those of a correction take the place of earlier ones of the same rows.
    """

    errors: tuple[RowError, ...]
    correction: int = 0


class BatchJudged(BatchEvent, frozen=True, kw_only=True):
    """Every row was looked at: rows = accepted + rejected + duplicates.

    Or every row up to `stopped_at_row`, behind which nothing could save the budget.
    """

    rows: int
    accepted: int
    rejected: int
    duplicates: int
    errors_by_code: dict[str, int]
    parse_duration_ms: int
    value_pence: int = 0  # Of the accepted rows.
    stopped_at_row: int = 0
    rows_at_most: int = 0  # How many rows the file can have, where judging stopped.


class BatchRejected(BatchEvent, frozen=True, kw_only=True):
    """The whole file was refused before anything of it was admitted; by a person where `by` says so."""

    code: str
    reason: str
    by: str = ""


class ChunkAdmitted(BatchEvent, frozen=True, kw_only=True):
    """The jobs of the rows up to `row_through` are recorded: an interrupted admission resumes behind it."""

    chunk: int
    row_through: int
    jobs: int
    duplicates: int  # Natural keys that an earlier batch had brought.


class BatchAdmitted(BatchEvent, frozen=True, kw_only=True):
    """Every good row is a recorded job."""

    jobs: int
    duplicates: int
    db_duration_ms: int


class BatchClosed(BatchEvent, frozen=True, kw_only=True):
    """Every job of the batch has ended."""

    outcome: str
    delivered: int
    blocked: int
    cancelled: int
    archived: int = 0


class ApprovalRequested(BatchEvent, frozen=True, kw_only=True):
    """A person is to look at the batch before anything of it is admitted."""

    reason: str
    due_at: datetime
    other_person: bool  # Whoever brought the file may not approve it.


class ApprovalEscalated(BatchEvent, frozen=True, kw_only=True):
    """Nobody answered in time: the question goes one level up. The last level has no deadline."""

    level: int
    due_at: datetime | None


class BatchApproved(BatchEvent, frozen=True, kw_only=True):
    """A person let the batch in."""

    by: str
    reason: str


class BatchPrioritised(BatchEvent, frozen=True, kw_only=True):
    """The batch is to be taken in before others, or after them."""

    priority: Priority
    by: str
    reason: str


class CorrectionReceived(BatchEvent, frozen=True, kw_only=True):
    """A file of corrected rows arrived whole. Where nothing is admitted yet the whole batch is judged again with it."""

    correction: int
    file_name: str
    file_hash: str  # SHA-256, hex
    file_bytes: int
    rejudges: bool
    by: str = ""


class RowsRepaired(BatchEvent, frozen=True, kw_only=True):
    """Refused rows of an admitted batch that are mended: jobs now, or duplicates of known ones."""

    correction: int
    rows: tuple[int, ...]
    duplicates: tuple[int, ...]


class CorrectionJudged(BatchEvent, frozen=True, kw_only=True):
    """Each row of a correction was looked at: rows = accepted + rejected + duplicates + ignored."""

    correction: int
    rows: int
    accepted: int
    rejected: int
    duplicates: int
    ignored: int
    errors_by_code: dict[str, int]  # Of the whole batch as it is now.


class UndoRequested(BatchEvent, frozen=True, kw_only=True):
    """The import is to be taken back; from here on nothing more of it is admitted."""

    by: str
    reason: str


class BatchUndone(BatchEvent, frozen=True, kw_only=True):
    """Each job that could be cancelled is; `kept` were sent, or had ended."""

    cancelled: int
    kept: int


class BatchReset(BatchEvent, frozen=True, kw_only=True):
    """The file is to be judged again from the beginning. Jobs of an earlier time stay; new ones get other ids."""

    error_threshold_percent: int
    by: str
    reason: str


Event = (
    BatchReceived
    | RowsRefused
    | BatchJudged
    | BatchRejected
    | ChunkAdmitted
    | BatchAdmitted
    | BatchClosed
    | ApprovalRequested
    | ApprovalEscalated
    | BatchApproved
    | BatchPrioritised
    | CorrectionReceived
    | RowsRepaired
    | CorrectionJudged
    | UndoRequested
    | BatchUndone
    | BatchReset
)
