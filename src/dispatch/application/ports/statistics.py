"""What the doors ask about all batches together: totals, hours, error codes and trends. No personal data."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from dispatch.domain.batch.desk import Priority
from dispatch.domain.batch.state import BatchStatus

HOURS_MAX = 168
"""The window of `ops.v_batch_performance`: seven days."""


class Period(StrEnum):
    """How long one point of a trend is. Days begin at midnight UTC, weeks on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class BatchMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Totals over every batch; rows = valid + invalid + duplicate ones."""

    batches: int
    open: int
    complete: int
    complete_with_exceptions: int
    rejected: int
    undone: int
    rows: int
    valid_rows: int
    invalid_rows: int
    duplicate_rows: int
    jobs: int
    error_rate_percent: float
    duplicate_percent: float
    parse_duration_ms: int
    db_duration_ms: int
    rows_per_s: float  # Over the time of parsing and of the database.
    oldest_open_age_s: float


class ObservedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch in one row for whoever watches the intake. `age_s` ends with the batch."""

    batch_id: str
    run: int
    file_name: str
    file_hash: str
    profile: str
    status: BatchStatus
    priority: Priority
    rows: int
    valid_rows: int
    invalid_rows: int
    duplicate_rows: int
    jobs: int
    error_rate_percent: float
    error_threshold_percent: int
    parse_duration_ms: int
    db_duration_ms: int
    rows_per_s: float
    age_s: float
    rejection_code: str
    rejection_reason: str
    resets: int
    corrections: int
    repaired_rows: int
    received_at: datetime
    closed_at: datetime | None


class BatchHour(msgspec.Struct, frozen=True, kw_only=True):
    """The batches that were received in one hour. Refused rows stay counted when a correction mends them."""

    hour: datetime
    batches: int
    rejected: int
    rows: int
    refused_rows: int
    duplicate_rows: int
    error_rate_percent: float
    parse_p50_ms: float
    parse_p95_ms: float
    db_p50_ms: float
    db_p95_ms: float
    rows_per_s: float


class ErrorShare(msgspec.Struct, frozen=True, kw_only=True):
    """One error code over all batches, with its share of every refused value."""

    error_code: str
    errors: int
    share_percent: float
    batches: int
    errors_7d: int  # In batches that were received in the last seven days.
    last_seen_at: datetime


class BatchErrors(msgspec.Struct, frozen=True, kw_only=True):
    """One error code in one batch. `errors` is exact; all behind `stored` is of the refusals that were stored."""

    batch_id: str
    error_code: str
    errors: int
    share_percent: float
    stored: int
    columns: list[str]
    first_row: int
    last_row: int
    found: str  # Of the first one; of personal columns the shape.
    expected: str


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The batches that were received in one period. Refused rows stay counted when a correction mends them."""

    starts_at: datetime
    batches: int
    rejected: int
    rows: int
    refused_rows: int
    duplicate_rows: int
    error_rate_percent: float
    duplicate_percent: float


class Statistics(Protocol):
    """Statistics of the intake; every list is bounded. Each raises ViewsUnavailable without a database."""

    def batch_metrics(self) -> BatchMetrics: ...

    def observed_batches(self, *, limit: int = 50) -> list[ObservedBatch]:
        """Newest first."""
        ...

    def batch_hours(self, *, hours: int = HOURS_MAX) -> list[BatchHour]:
        """Of the last hours, this one included and at most seven days; in order. Hours without a batch are left out."""
        ...

    def error_distribution(self, *, limit: int = 20) -> list[ErrorShare]:
        """The most frequent codes first."""
        ...

    def batch_errors(self, batch_id: str) -> list[BatchErrors]:
        """The codes of one batch, the most frequent first."""
        ...

    def error_trend(self, period: Period, *, limit: int = 30) -> list[TrendPoint]:
        """The newest periods with a batch, in order."""
        ...
