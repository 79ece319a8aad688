"""What the SQL views say of the intake: per batch, per code, per hour, and as a trend (acceptance 1.07-1.09, 1.60)."""

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from following import catch_up
from msgspec.structs import replace
from sqlalchemy.pool import NullPool

import examples
from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.rebuild import rebuild
from dispatch.adapters.postgres.statistics import PostgresStatistics
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.statistics import HOURS_MAX, BatchErrors, ErrorShare, Period
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.identity import batch_id
from dispatch.domain.rows import RowCode
from ledgers import cause

pytestmark = pytest.mark.postgres

BAD_PHONE = replace(
    examples.BAD_MONEY, column="phone", code=RowCode.PHONE, found="99999", expected="a UK phone number", fix="check it"
)


@pytest.fixture
def statistics(database_url, projector):
    engine = open_engine(database_url, read_only=True, poolclass=NullPool)
    yield PostgresStatistics(engine)
    engine.dispose()


@pytest.fixture
def now() -> datetime:
    """The moment of this test: the suite takes minutes."""
    return datetime.now(UTC)


class Record:
    """Batches that happened at given times, each with a file of its own."""

    def __init__(self, ledger, projector):
        self.ledger, self.projector, self.files = ledger, projector, 0

    def __call__(self, *events, at=None):
        """Record these examples as one new batch; answers its id."""
        self.files, at = self.files + 1, at or datetime.now(UTC)
        file_hash = f"{self.files:064x}"
        batch = batch_id(file_hash)
        mine = [replace(event, batch_id=batch, at=at) for event in (examples.received, *events)]
        mine[0] = replace(mine[0], file_hash=file_hash, run=1)
        self.ledger.append([Append(batch, 0, mine, cause())])
        catch_up(self.projector)
        return batch


@pytest.fixture
def record(ledger, projector):
    return Record(ledger, projector)


ADMITTED = (examples.judged, examples.chunk_admitted, examples.admitted)


@pytest.mark.acceptance("1.07", part="intake.v_batch_observability")
def test_a_batch_in_one_row(record, statistics, now):
    waiting = record(at=now - timedelta(hours=2))
    admitted = record(examples.rows_refused, *ADMITTED, at=now - timedelta(minutes=3))
    rejected = record(examples.judged, examples.rejected, at=now - timedelta(minutes=2))
    newest, middle, oldest = statistics.observed_batches()
    assert [row.batch_id for row in (newest, middle, oldest)] == [rejected, admitted, waiting]
    assert statistics.observed_batches(limit=1) == [newest]
    assert (middle.status, middle.rows, middle.valid_rows, middle.invalid_rows, middle.duplicate_rows) == (
        BatchStatus.PROCESSING,
        12,
        9,
        1,
        2,
    )
    assert (middle.error_rate_percent, middle.error_threshold_percent) == (8.33, 10)
    assert (middle.parse_duration_ms, middle.db_duration_ms) == (45, 120)
    assert middle.rows_per_s == 72.7  # 12 rows in 165 ms.
    assert newest.rejection_reason == "Error rate 15.0% exceeded threshold 10%"
    assert newest.age_s == 0  # It ended when it was judged.
    assert 7200 <= oldest.age_s < 7320
    assert (oldest.rows, oldest.rows_per_s, oldest.error_rate_percent) == (0, 0, 0)


@pytest.mark.acceptance("1.07", part="intake.view_batch_metrics, the totals over all batches")
def test_totals_over_all_batches(record, statistics, now):
    empty = statistics.batch_metrics()
    assert (empty.batches, empty.rows, empty.rows_per_s, empty.oldest_open_age_s) == (0, 0, 0, 0)
    record(*ADMITTED, at=now - timedelta(hours=1))
    record(*ADMITTED, examples.closed)
    record(examples.judged, examples.rejected)
    metrics = statistics.batch_metrics()
    assert (metrics.batches, metrics.open, metrics.complete_with_exceptions, metrics.rejected) == (3, 1, 1, 1)
    assert (metrics.rows, metrics.valid_rows, metrics.invalid_rows, metrics.duplicate_rows) == (36, 28, 3, 5)
    assert (metrics.error_rate_percent, metrics.duplicate_percent) == (8.33, 13.89)
    assert (metrics.parse_duration_ms, metrics.db_duration_ms, metrics.rows_per_s) == (135, 240, 96.0)
    assert 3600 <= metrics.oldest_open_age_s < 3720


@pytest.mark.acceptance("1.07", part="intake.v_error_summary, per batch and code")
def test_the_refused_values_of_a_batch_by_code(record, statistics):
    """Of 1,200 refused amounts only two are stored: the count is that of judging."""
    later = replace(examples.BAD_MONEY, row=9, line=11)
    refused = replace(examples.rows_refused, errors=(examples.BAD_MONEY, BAD_PHONE, later), correction=0)
    judged = replace(examples.judged, errors_by_code={"invalid_phone": 300, "invalid_money": 1200, "out_of_range": 100})
    batch = record(refused, judged)
    record(*ADMITTED)
    money, phone, unstored = statistics.batch_errors(batch)
    assert money == BatchErrors(
        batch_id=batch,
        error_code="invalid_money",
        errors=1200,
        share_percent=75.0,
        stored=2,
        columns=["price"],
        first_row=3,
        last_row=9,
        found="12..0",
        expected="pounds and pence",
    )
    assert (phone.error_code, phone.errors, phone.share_percent, phone.found) == ("invalid_phone", 300, 18.75, "99999")
    assert (unstored.errors, unstored.stored, unstored.columns, unstored.first_row) == (100, 0, [], 0)


@pytest.mark.acceptance("1.09")
def test_the_most_frequent_codes_over_all_batches(record, statistics, now):
    assert statistics.error_distribution() == []
    long_ago, lately = now - timedelta(days=40), now - timedelta(hours=1)
    record(replace(examples.judged, errors_by_code={"invalid_money": 5000, "invalid_phone": 1000}), at=long_ago)
    record(replace(examples.judged, errors_by_code={"invalid_money": 2000}), at=lately)
    record(replace(examples.judged, errors_by_code={}), at=now)
    money, phone = statistics.error_distribution()
    assert money == ErrorShare(
        error_code="invalid_money",
        errors=7000,
        share_percent=87.5,
        batches=2,
        errors_7d=2000,
        last_seen_at=lately,
    )
    assert (phone.error_code, phone.errors, phone.share_percent, phone.errors_7d) == ("invalid_phone", 1000, 12.5, 0)
    assert phone.last_seen_at == long_ago
    assert statistics.error_distribution(limit=1) == [money]


@pytest.mark.acceptance("1.08")
def test_hours_of_the_last_seven_days(record, statistics, now):
    hour = now.replace(minute=0, second=0, microsecond=0)
    record(*ADMITTED, at=hour - timedelta(hours=168))  # Outside the window.
    record(*ADMITTED, at=hour - timedelta(hours=167))
    for parse, db in ((10, 100), (20, 200), (30, 300)):
        judged, admitted = (
            replace(examples.judged, parse_duration_ms=parse),
            replace(examples.admitted, db_duration_ms=db),
        )
        record(judged, examples.chunk_admitted, admitted, at=hour - timedelta(minutes=30))
    record(examples.judged, examples.rejected, at=hour - timedelta(minutes=30))
    first, last = statistics.batch_hours()
    assert first.hour == hour - timedelta(hours=167)
    assert (last.hour, last.batches, last.rejected) == (hour - timedelta(hours=1), 4, 1)
    assert (last.rows, last.refused_rows, last.duplicate_rows, last.error_rate_percent) == (48, 4, 7, 8.33)
    assert (last.parse_p50_ms, last.db_p50_ms) == (25, 200)
    assert (last.parse_p95_ms, last.db_p95_ms) == (pytest.approx(42.75), pytest.approx(290))
    assert last.rows_per_s == pytest.approx(1000 * 48 / (105 + 600), abs=0.1)
    assert statistics.batch_hours(hours=2) == [last]
    assert statistics.batch_hours(hours=1) == []
    assert statistics.batch_hours(hours=10_000) == statistics.batch_hours(hours=HOURS_MAX)


@pytest.mark.acceptance("1.60", part="error rates by day, week and month")
def test_trends(record, statistics):
    monday, month = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    clean = replace(examples.judged, accepted=11, rejected=0, errors_by_code={})
    record(examples.judged, at=month)  # A Sunday: the week before, the same month.
    record(examples.judged, examples.rejected, at=monday)
    record(clean, at=monday + timedelta(hours=23, minutes=59))
    record(clean, at=monday + timedelta(days=6))
    record(clean, at=datetime(2026, 4, 1, tzinfo=UTC))
    days = statistics.error_trend(Period.DAY)
    assert [(point.starts_at.day, point.batches, point.error_rate_percent) for point in days] == [
        (1, 1, 8.33),
        (2, 2, 4.17),
        (8, 1, 0),
        (1, 1, 0),
    ]
    assert statistics.error_trend(Period.DAY, limit=2) == days[2:]
    weeks = statistics.error_trend(Period.WEEK)
    assert [(point.starts_at.date().isoformat(), point.batches, point.rejected) for point in weeks] == [
        ("2026-02-23", 1, 0),
        ("2026-03-02", 3, 1),
        ("2026-03-30", 1, 0),
    ]
    march, april = statistics.error_trend(Period.MONTH)
    assert (march.starts_at, march.rows, march.refused_rows, march.duplicate_rows) == (month, 48, 2, 4)
    assert (march.duplicate_percent, april.error_rate_percent) == (8.33, 0)


def test_a_correction_does_not_change_the_past(record, statistics):
    """What was refused when the file came stays in hours and trends; the batch itself is whole."""
    mended = (examples.correction_received, examples.rows_repaired, examples.correction_judged)
    record(examples.rows_refused, *ADMITTED, *mended)
    assert statistics.observed_batches()[0].invalid_rows == 0
    assert statistics.batch_hours()[0].refused_rows == 1
    assert statistics.error_trend(Period.DAY)[0].refused_rows == 1
    assert statistics.error_distribution() == []


def test_the_views_are_there_after_a_rebuild_of_their_table(record, statistics, ledger, database_url):
    record(examples.rows_refused, *ADMITTED)
    asks = (statistics.batch_hours, statistics.error_distribution, lambda: statistics.error_trend(Period.DAY))
    before = [ask() for ask in asks]
    assert all(before)
    assert rebuild(database_url, ledger, "batches").same
    assert [ask() for ask in asks] == before


MANY = """
INSERT INTO intake.batches (batch_id, run, file_name, file_hash, file_bytes, profile, received_by, status, rows,
                            accepted, rejected, duplicates, errors_by_code, parse_duration_ms, db_duration_ms,
                            created_at, ids_from, judged_at, admitted_at, closed_at)
SELECT gen_random_uuid(), 1, 'jobs.csv', md5(n::text) || md5(n::text), 1024, 'service-job', 'ann', 'complete', 1000,
       900, 60, 40, jsonb_build_object('invalid_money', n %% 40, 'invalid_phone', 10, 'missing_value', n %% 3),
       n %% 500, n %% 700, at, at, at, at, at
FROM generate_series(1, %(count)s) AS n, LATERAL (SELECT now() - n * interval '10 minutes') AS times (at)
"""
QUICK_S = 0.5
"""A generous limit for a shared machine; idle it is a tenth of this (docs/runbook.md, Statistics)."""


def test_ten_thousand_batches_are_answered_at_once(projector, statistics, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(MANY, {"count": 10_000})
        connection.execute("ANALYZE intake.batches")
        plan = "\n".join(
            line for (line,) in connection.execute("EXPLAIN SELECT * FROM ops.v_batch_performance").fetchall()
        )
    assert "batches_created_at_idx" in plan  # A week of ten, not all of it.
    asks = {
        "metrics": statistics.batch_metrics,
        "observed": statistics.observed_batches,
        "hours": statistics.batch_hours,
        "distribution": statistics.error_distribution,
        **{period.value: lambda period=period: statistics.error_trend(period) for period in Period},
    }
    for name, ask in asks.items():
        took = []
        for _ in range(3):
            started = time.perf_counter()
            assert ask()
            took.append(time.perf_counter() - started)
        assert min(took) < QUICK_S, (name, took)
