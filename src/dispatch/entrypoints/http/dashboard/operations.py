"""How the intake does, for the page: the last day by the hour (acceptance 1.54) and the error rate's trend (1.60)."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from dispatch.application.ports.statistics import BatchHour, Period, Statistics, TrendPoint
from dispatch.application.series import every_hour, every_period
from dispatch.entrypoints.http.dashboard.charts import Chart, columns

HOURS = 24
POINTS = {Period.DAY: 30, Period.WEEK: 26, Period.MONTH: 12}
FREE_S, SHARE_MAX = 0.05, 0.05
"""Every page asks at each move of the views, and these are sums over all batches. What takes longer than 50 ms, as with
a hundred thousand of them, is kept for a while, so that it takes no more than a twentieth of the time."""
LABELS = {Period.DAY: "%d %b", Period.WEEK: "week of %d %b", Period.MONTH: "%b %Y"}
RATE_LEAST = 10.0  # Per cent; the scale of the trend goes at least so far.


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """What the operations part of the page shows."""

    by: Period
    hours: list[BatchHour]
    trend: list[TrendPoint]
    performance: Chart
    error_rate: Chart

    @property
    def is_quiet(self) -> bool:
        """Has nothing come in either?"""
        return not any(hour.batches for hour in self.hours) and not any(point.batches for point in self.trend)

    def label(self, point: TrendPoint) -> str:
        """A period in words."""
        return point.starts_at.strftime(LABELS[self.by])


class RecentOperations:
    """Asks the statistics, for all open pages together where that takes long."""

    def __init__(
        self, statistics: Statistics, budget_percent: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._statistics, self._budget, self._clock = statistics, budget_percent, clock
        self._kept: dict[Period, tuple[float, Operations]] = {}  # Until when.
        self._lock = threading.Lock()

    def __call__(self, by: Period) -> Operations:
        """The operations with the trend by this period. Raises ViewsUnavailable."""
        with self._lock:
            started = self._clock()
            until, kept = self._kept.get(by, (0.0, None))
            if kept is None or started >= until:
                kept = self._ask(by)
                ended = self._clock()
                self._kept[by] = (ended + max(0.0, ended - started - FREE_S) / SHARE_MAX, kept)
            return kept

    def _ask(self, by: Period) -> Operations:
        now = datetime.now(UTC)
        hours = every_hour(self._statistics.batch_hours(hours=HOURS), now, HOURS)
        trend = every_period(self._statistics.error_trend(by, limit=POINTS[by]), by, now, POINTS[by])
        rates = [(_said_of_period(point, by), [("rate", point.error_rate_percent)]) for point in trend]
        return Operations(
            by=by,
            hours=hours,
            trend=trend,
            performance=columns([(_said_of_hour(hour), _rows_of(hour)) for hour in hours], least=10),
            error_rate=columns(rates, least=RATE_LEAST, mark=self._budget or None),
        )


def _rows_of(hour: BatchHour) -> list[tuple[str, float]]:
    return [("taken", hour.rows - hour.refused_rows), ("rejected", hour.refused_rows)]


def _said_of_hour(hour: BatchHour) -> str:
    at = f"{hour.hour:%d %b %H:00}"
    if not hour.batches:
        return f"{at}: nothing came"
    return (
        f"{at}: {hour.batches:,} batches, {hour.rejected:,} of them rejected; {hour.rows:,} rows, "
        f"{hour.error_rate_percent:g} % refused; parse p95 {hour.parse_p95_ms:,.0f} ms, "
        f"database p95 {hour.db_p95_ms:,.0f} ms, {hour.rows_per_s:,.0f} rows/s"
    )


def _said_of_period(point: TrendPoint, by: Period) -> str:
    at = point.starts_at.strftime(LABELS[by])
    if not point.batches:
        return f"{at}: nothing came"
    return f"{at}: {point.error_rate_percent:g} % of {point.rows:,} rows refused, in {point.batches:,} batches"
