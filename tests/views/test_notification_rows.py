"""Given events of notifications, then rows: where each stands, how many of each channel, and what all jobs come to."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from following import catch_up
from msgspec.structs import replace
from sqlalchemy.pool import NullPool

import examples
from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.notification_queries import PostgresNotificationQueries
from dispatch.application.ports.ledger import Append, Cause
from dispatch.application.ports.notifications import NotificationRow, Place
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.state import JobStatus
from examples import JOB_ID, NOON
from ledgers import cause, new_id

pytestmark = pytest.mark.postgres
OTHER_ID = JOB_ID[:-1] + "8"
ASKED = replace(
    examples.opened, batch_id="", row=0, reference="r-1", channel="sms", priority=JobPriority.HIGH,
    details={"kind": "service"},
)  # fmt: skip
ROW = NotificationRow(
    notification_id=JOB_ID,
    channel="sms",
    kind="service",
    status=JobStatus.RUNNING,
    priority=JobPriority.HIGH,
    reference="r-1",
    stage="verify",
    attempts=0,
    error_code="",
    created_at=NOON,
    changed_at=NOON,
    scheduled_at=None,
    due_at=None,
)


@pytest.fixture
def given(ledger, projector):
    """Records events of notifications, which belong to no batch, and projects them."""

    def record(*events):
        for event in events:
            version = ledger.load(event.job_id).version
            ledger.append([Append(event.job_id, version, [event], Cause(command_id=new_id(), actor="ann"))])
        catch_up(projector)

    return record


@pytest.fixture
def notifications(database_url):
    engine = open_engine(database_url, read_only=True, poolclass=NullPool)
    yield PostgresNotificationQueries(engine)
    engine.dispose()


LATER = NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("events", "row"),
    [
        ((), ROW),
        ((examples.completed,), replace(ROW, stage="dispatch")),
        ((examples.failed,), replace(ROW, attempts=1, error_code="timeout")),
        (
            (examples.failed, examples.retry_scheduled),
            replace(
                ROW, status=JobStatus.WAITING, attempts=1, error_code="timeout", due_at=examples.retry_scheduled.due_at
            ),
        ),
        ((examples.escalated,), replace(ROW, status=JobStatus.ESCALATED, error_code="timeout")),
        ((examples.escalated, examples.resumed), replace(ROW, error_code="timeout")),
        ((examples.blocked,), replace(ROW, status=JobStatus.BLOCKED, error_code="no_lawful_basis")),
        ((examples.completed, examples.delivered), replace(ROW, status=JobStatus.DELIVERED, stage="dispatch")),
        ((examples.cancelled,), replace(ROW, status=JobStatus.CANCELLED, error_code="customer moved")),
    ],
    ids=lambda value: "-".join(type(event).__name__ for event in value) or "opened" if isinstance(value, tuple) else "",
)
def test_a_row_says_where_the_notification_stands(given, notifications, events, row):
    given(ASKED, *events)
    assert notifications.listed() == [row]


@pytest.mark.acceptance("S.05", part="the list says what waits for its time")
def test_what_is_scheduled_waits_in_the_list_of_jobs_too(given, notifications, queries):
    given(replace(ASKED, scheduled_at=LATER))
    assert notifications.listed() == [replace(ROW, status=JobStatus.WAITING, scheduled_at=LATER, due_at=LATER)]
    [job] = queries.jobs()
    assert (job.status, job.due_at, job.row, UUID(job.batch_id).int) == (JobStatus.WAITING, LATER, 0, 0)
    [verify] = queries.pipeline_health()
    assert (verify.running, verify.waiting) == (0, 1)


def test_what_is_scheduled_for_later_is_not_old_however_long_ago_it_was_asked_for(given, queries):
    now = datetime.now(UTC)
    given(replace(ASKED, at=now - timedelta(days=30), scheduled_at=now + timedelta(hours=1)))
    [verify] = queries.pipeline_health()
    assert verify.oldest_age_s == 0
    overdue = replace(ASKED, job_id=OTHER_ID, at=now - timedelta(days=30), scheduled_at=now - timedelta(minutes=1))
    given(overdue)
    [verify] = queries.pipeline_health()
    assert 60 <= verify.oldest_age_s < 180


def test_filters_and_pages_newest_first(given, notifications):
    given(ASKED, replace(ASKED, job_id=OTHER_ID, at=LATER, channel="push"), replace(examples.blocked, job_id=OTHER_ID))

    def ids(**asked):
        return [row.notification_id for row in notifications.listed(**asked)]

    assert ids() == [OTHER_ID, JOB_ID]
    assert ids(limit=1) == [OTHER_ID]
    assert ids(before=Place(LATER, UUID(OTHER_ID))) == [JOB_ID]
    assert ids(before=Place(NOON, UUID(JOB_ID))) == []
    assert ids(channel="push", status=JobStatus.BLOCKED, since=LATER) == [OTHER_ID]
    assert ids(since=LATER + timedelta(seconds=1)) == ids(channel="email") == ids(status=JobStatus.WAITING) == []


def test_counts_by_channel_and_among_all_jobs(given, ledger, projector, queries, database_url):
    ids = [new_id() for _ in range(4)]
    given(*(replace(ASKED, job_id=one) for one in ids), replace(ASKED, job_id=OTHER_ID, channel="email"))
    endings = (
        examples.delivered,
        examples.blocked,
        examples.escalated,
        replace(examples.cancelled, was_escalated=False),
    )
    given(*(replace(event, job_id=one) for event, one in zip(endings, ids, strict=True)))
    ledger.append([Append(JOB_ID, 0, [examples.opened, examples.delivered], cause())])  # A row of a file is none.
    catch_up(projector)
    with psycopg.connect(database_url) as connection:
        counted = connection.execute("SELECT * FROM ops.notification_counts ORDER BY channel").fetchall()
    assert counted == [("email", 1, 0, 0, 0, 0), ("sms", 4, 1, 1, 1, 1)]
    totals = queries.job_totals()
    assert (totals.running, totals.escalated, totals.blocked, totals.delivered, totals.cancelled) == (1, 1, 1, 1, 1)
    given(replace(examples.resumed, job_id=ids[2]), replace(examples.escalated, job_id=ids[2]))
    given(replace(examples.cancelled, job_id=ids[2], was_escalated=True))
    with psycopg.connect(database_url) as connection:
        counted = connection.execute("SELECT cancelled, escalated FROM ops.notification_counts WHERE channel = 'sms'")
        assert counted.fetchone() == (2, 0)
