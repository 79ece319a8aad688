"""What may be asked of a batch."""

from datetime import datetime

import msgspec

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


class RecordJudgement(BatchCommand, frozen=True, kw_only=True):
    """Say what judging every row has found."""

    rows: int
    accepted: int
    rejected: int
    duplicates: int
    errors: tuple[RowError, ...]
    errors_by_code: dict[str, int]
    parse_duration_ms: int


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


Command = ReceiveBatch | RecordJudgement | RejectBatch | AdmitChunk | FinishAdmission | CloseBatch
