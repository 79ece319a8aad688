"""The statistics of the intake, read from the SQL views over `intake.batches` and `intake.row_errors`."""

from dispatch.adapters.postgres.view_reader import ViewReader
from dispatch.adapters.postgres.views.error_trends import PERIODS
from dispatch.application.ports.statistics import (
    HOURS_MAX,
    BatchErrors,
    BatchHour,
    BatchMetrics,
    ErrorShare,
    ObservedBatch,
    Period,
    TrendPoint,
)

OBSERVED = """
SELECT batch_id::text, run, file_name, file_hash, profile, status, priority, rows, valid_rows, invalid_rows,
       duplicate_rows, jobs, error_rate_percent, error_threshold_percent, parse_duration_ms, db_duration_ms, rows_per_s,
       age_s, rejection_code, rejection_reason, resets, corrections, repaired_rows, received_at, closed_at
FROM intake.v_batch_observability ORDER BY received_at DESC, batch_id LIMIT :limit
"""
HOURS = """
SELECT * FROM ops.v_batch_performance
WHERE hour > date_trunc('hour', now(), 'UTC') - make_interval(hours => :hours) ORDER BY hour
"""
DISTRIBUTION = "SELECT * FROM ops.v_error_distribution ORDER BY errors DESC, error_code LIMIT :limit"
OF_BATCH = """
SELECT batch_id::text, error_code, errors, share_percent, stored, columns, first_row, last_row, found, expected
FROM intake.v_error_summary WHERE batch_id = :batch_id ORDER BY errors DESC, error_code
"""
TRENDS = {
    period: f"SELECT * FROM {PERIODS[period.value]} ORDER BY starts_at DESC LIMIT :limit"  # noqa: S608 - our own names
    for period in Period
}


class PostgresStatistics(ViewReader):
    """Implements the port `Statistics` on the views that the projector keeps."""

    def batch_metrics(self) -> BatchMetrics:
        [metrics] = self._rows(BatchMetrics, "SELECT * FROM intake.view_batch_metrics", {})
        return metrics

    def observed_batches(self, *, limit: int = 50) -> list[ObservedBatch]:
        return self._rows(ObservedBatch, OBSERVED, {"limit": limit})

    def batch_hours(self, *, hours: int = HOURS_MAX) -> list[BatchHour]:
        return self._rows(BatchHour, HOURS, {"hours": min(hours, HOURS_MAX)})

    def error_distribution(self, *, limit: int = 20) -> list[ErrorShare]:
        return self._rows(ErrorShare, DISTRIBUTION, {"limit": limit})

    def batch_errors(self, batch_id: str) -> list[BatchErrors]:
        return self._rows(BatchErrors, OF_BATCH, {"batch_id": batch_id})

    def error_trend(self, period: Period, *, limit: int = 30) -> list[TrendPoint]:
        return self._rows(TrendPoint, TRENDS[period], {"limit": limit})[::-1]
