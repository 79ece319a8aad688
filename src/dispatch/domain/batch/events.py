"""What has happened to a batch. Names and fields are stored: extend them, never rename."""

from datetime import datetime

import msgspec

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


class RowsRefused(BatchEvent, frozen=True, kw_only=True):
    """Values that were refused; stored up to a cap per code, counted in `BatchJudged` without one."""

    errors: tuple[RowError, ...]


class BatchJudged(BatchEvent, frozen=True, kw_only=True):
    """Every row was looked at: rows = accepted + rejected + duplicates."""

    rows: int
    accepted: int
    rejected: int
    duplicates: int
    errors_by_code: dict[str, int]
    parse_duration_ms: int


class BatchRejected(BatchEvent, frozen=True, kw_only=True):
    """The whole file was refused before anything of it was admitted."""

    code: str
    reason: str


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


Event = BatchReceived | RowsRefused | BatchJudged | BatchRejected | ChunkAdmitted | BatchAdmitted | BatchClosed
