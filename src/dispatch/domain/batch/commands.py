"""What may be asked of a batch."""

from datetime import datetime

import msgspec

from dispatch.domain.batch.desk import DeskRules, Priority
from dispatch.domain.rows import RowError


class BatchCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A request about one batch, made at a time that it carries itself."""

    batch_id: str
    at: datetime


class ReceiveBatch(BatchCommand, frozen=True, kw_only=True):
    """Take a file that arrived whole."""

    file_name: str
    file_hash: str
    file_bytes: int
    profile: str
    profile_version: int = 1
    error_threshold_percent: int = 10
    run: int = 1
    by: str = ""
    priority: Priority = Priority.NORMAL


class RecordJudgement(BatchCommand, frozen=True, kw_only=True):
    """Say what judging every row has found, and by which rules a person is to look at it first."""

    rows: int
    accepted: int
    rejected: int
    duplicates: int
    errors: tuple[RowError, ...]
    errors_by_code: dict[str, int]
    parse_duration_ms: int
    value_pence: int = 0  # Of the accepted rows.
    stopped_at_row: int = 0  # Where judging stopped because the budget could not hold any more; 0: at the end.
    rows_at_most: int = 0  # How many rows the file can have, where judging stopped.
    desk: DeskRules = DeskRules()
    drift: str = ""  # What has changed in files of this kind, where whole columns are refused.


class RejectBatch(BatchCommand, frozen=True, kw_only=True):
    """Refuse a file that cannot be read to its end."""

    code: str
    reason: str


class AdmitChunk(BatchCommand, frozen=True, kw_only=True):
    """Mark the rows up to `row_through` as recorded, together with their jobs."""

    chunk: int
    row_through: int
    jobs: int
    duplicates: int


class FinishAdmission(BatchCommand, frozen=True, kw_only=True):
    """Say that no good row is left to record."""

    db_duration_ms: int


class CloseBatch(BatchCommand, frozen=True, kw_only=True):
    """End a batch of which no job is open."""

    delivered: int
    blocked: int
    cancelled: int
    archived: int = 0


class DecisionCommand(BatchCommand, frozen=True, kw_only=True):
    """What a person decides about a batch, and why."""

    by: str
    reason: str


class ApproveBatch(DecisionCommand, frozen=True, kw_only=True):
    """Let a batch in that waits at the desk."""


class RefuseBatch(DecisionCommand, frozen=True, kw_only=True):
    """Reject a batch that waits at the desk."""


class EscalateApproval(BatchCommand, frozen=True, kw_only=True):
    """Say that nobody has answered in time."""


class PrioritiseBatch(DecisionCommand, frozen=True, kw_only=True):
    """Take a batch in before others, or after them."""

    priority: Priority


class ReceiveCorrection(BatchCommand, frozen=True, kw_only=True):
    """Take a file of corrected rows for this batch."""

    file_name: str
    file_hash: str
    file_bytes: int
    by: str = ""


class RepairRows(BatchCommand, frozen=True, kw_only=True):
    """Mark refused rows of an admitted batch as mended, together with their jobs."""

    correction: int
    rows: tuple[int, ...]  # They are jobs now.
    duplicates: tuple[int, ...] = ()  # Their natural key is known already.


class FinishCorrection(BatchCommand, frozen=True, kw_only=True):
    """Say what judging the corrected rows of an admitted batch has found; counts are of the correction's rows."""

    correction: int
    rows: int
    accepted: int
    rejected: int
    duplicates: int
    ignored: int  # Rows that are not, or no longer, refused ones of the batch.
    errors: tuple[RowError, ...]
    errors_by_code: dict[str, int]  # Of the whole batch as it is now.


class UndoBatch(DecisionCommand, frozen=True, kw_only=True):
    """Take back an import: cancel each job of it that was not sent."""


class FinishUndo(BatchCommand, frozen=True, kw_only=True):
    """Say that each job which could be cancelled is."""

    cancelled: int
    kept: int


class ResetBatch(DecisionCommand, frozen=True, kw_only=True):
    """Judge the file again from the beginning, under another error budget if one is given."""

    error_threshold_percent: int | None = None


Command = (
    ReceiveBatch
    | RecordJudgement
    | RejectBatch
    | AdmitChunk
    | FinishAdmission
    | CloseBatch
    | ApproveBatch
    | RefuseBatch
    | EscalateApproval
    | PrioritiseBatch
    | ReceiveCorrection
    | RepairRows
    | FinishCorrection
    | UndoBatch
    | FinishUndo
    | ResetBatch
)
