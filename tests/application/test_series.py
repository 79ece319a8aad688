"""Charts have no holes: hours and periods without a batch are there, with nothing in them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from dispatch.application.ports.statistics import Period
from dispatch.application.series import every_hour, every_period, period_start

AT = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)  # A Sunday.
HOUR = AT.replace(minute=0, second=0)


def test_every_hour_up_to_now():
    [quiet] = every_hour([], AT, 1)
    busy = replace(quiet, hour=HOUR - timedelta(hours=2), batches=3)
    hours = every_hour([busy], AT, 4)
    assert [hour.hour for hour in hours] == [HOUR - timedelta(hours=back) for back in (3, 2, 1, 0)]
    assert [hour.batches for hour in hours] == [0, 3, 0, 0]
    assert hours[1] is busy


@pytest.mark.parametrize(
    ("period", "starts"),
    [
        (Period.DAY, ["2026-02-27", "2026-02-28", "2026-03-01"]),
        (Period.WEEK, ["2026-02-09", "2026-02-16", "2026-02-23"]),
        (Period.MONTH, ["2026-01-01", "2026-02-01", "2026-03-01"]),
    ],
)
def test_every_period_up_to_now(period, starts):
    series = every_period([], period, AT, 3)
    assert [point.starts_at.date().isoformat() for point in series] == starts
    busy = replace(series[0], batches=2)
    assert every_period([busy], period, AT, 3)[0] is busy


def test_periods_are_those_of_utc():
    late = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    assert period_start(late, Period.DAY) == datetime(2026, 3, 2, tzinfo=UTC)
