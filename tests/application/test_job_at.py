"""A job as it was at a moment, and how the moment is written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from recorded import recorded

import examples
from dispatch.application.job_at import JobNotYetOpened, job_row, until
from dispatch.application.moment import parse_time
from dispatch.domain.job.refusals import JobUnknown
from dispatch.domain.job.state import JobStatus
from examples import NOON

SECOND = timedelta(seconds=1)
LIFE = recorded(
    examples.opened,
    examples.failed,
    examples.retry_scheduled,
    examples.completed,
    examples.started,
    examples.escalated,
    examples.cancelled,
)


@pytest.mark.parametrize(
    ("after_s", "status", "stage", "attempts", "error_code"),
    [
        (0.0, JobStatus.RUNNING, "verify", 0, ""),
        (0.9, JobStatus.RUNNING, "verify", 0, ""),
        (1.0, JobStatus.RUNNING, "verify", 1, "timeout"),
        (2.0, JobStatus.WAITING, "verify", 1, "timeout"),
        (3.0, JobStatus.RUNNING, "dispatch", 0, ""),
        (5.0, JobStatus.ESCALATED, "dispatch", 0, "timeout"),
        (99.0, JobStatus.CANCELLED, "dispatch", 0, "customer moved"),
    ],
)
def test_it_is_folded_from_the_events_up_to_then(after_s, status, stage, attempts, error_code):
    row = job_row(until(LIFE, NOON + after_s * SECOND))
    assert (row.status, row.stage, row.attempts, row.error_code) == (status, stage, attempts, error_code)
    assert row.version == min(int(after_s), 6) + 1
    assert row.changed_at == NOON + min(int(after_s), 6) * SECOND
    assert row.opened_at == NOON
    assert (row.due_at is not None) is (status is JobStatus.WAITING)


def test_before_it_was_opened_there_was_nothing():
    with pytest.raises(JobNotYetOpened, match="opened at 2026-11-23T12:00:00"):
        until(LIFE, NOON - timedelta(microseconds=1))
    with pytest.raises(JobUnknown):
        until([], NOON)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-27 10:00", datetime(2026, 11, 27, 10, 0, tzinfo=UTC)),
        ("2026-11-27T10:00:00.5Z", datetime(2026, 11, 27, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-27T10:00:00+01:00", datetime(2026, 11, 27, 10, 0, tzinfo=timezone(timedelta(hours=1)))),
        ("2026-11-27T10:00:00 01:00", datetime(2026, 11, 27, 9, 0, tzinfo=UTC)),
        ("2026-11-27T10:00:00-05:00", datetime(2026, 11, 27, 15, 0, tzinfo=UTC)),
        (" 2026-11-27 ", datetime(2026, 11, 27, tzinfo=UTC)),
    ],
)
def test_a_moment_is_iso_8601_and_utc_unless_it_says(text, moment):
    assert parse_time(text) == moment
    assert parse_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["noon", "", "27/11/2026", "2026-11-27 25:00", "0001-01-01T00:00+10:00"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a time like 2026-11-27T10:00:00\+00:00"):
        parse_time(text)
