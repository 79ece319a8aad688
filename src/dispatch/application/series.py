"""Time series without holes, for charts: hours and periods in which nothing came are there with nothing in them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from dispatch.application.ports.statistics import BatchHour, Period, TrendPoint

HOUR = timedelta(hours=1)


def every_hour(hours: Iterable[BatchHour], until: datetime, count: int) -> list[BatchHour]:
    """The `count` hours up to the one in which `until` lies."""
    known = {hour.hour: hour for hour in hours}
    last = until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    wanted = [last - HOUR * back for back in range(count - 1, -1, -1)]
    return [known.get(at) or _quiet_hour(at) for at in wanted]


def every_period(points: Sequence[TrendPoint], period: Period, until: datetime, count: int) -> list[TrendPoint]:
    """The `count` periods up to the one in which `until` lies."""
    known = {point.starts_at: point for point in points}
    at, wanted = period_start(until, period), []
    for _ in range(count):
        wanted.append(at)
        at = period_start(at - HOUR, period)
    return [known.get(start) or _quiet_period(start) for start in reversed(wanted)]


def period_start(at: datetime, period: Period) -> datetime:
    """When the period in which a moment lies began, in UTC."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)


def _quiet_hour(at: datetime) -> BatchHour:
    return BatchHour(
        hour=at,
        batches=0,
        rejected=0,
        rows=0,
        refused_rows=0,
        duplicate_rows=0,
        error_rate_percent=0.0,
        parse_p50_ms=0.0,
        parse_p95_ms=0.0,
        db_p50_ms=0.0,
        db_p95_ms=0.0,
        rows_per_s=0.0,
    )


def _quiet_period(at: datetime) -> TrendPoint:
    return TrendPoint(
        starts_at=at,
        batches=0,
        rejected=0,
        rows=0,
        refused_rows=0,
        duplicate_rows=0,
        error_rate_percent=0.0,
        duplicate_percent=0.0,
    )
