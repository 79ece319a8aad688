"""A limit is kept exactly by all who share it, and what is granted is spread over time."""

import time
from concurrent.futures import ProcessPoolExecutor

import pytest
from psycopg_pool import ConnectionPool

from dispatch.adapters.limits_memory import MemoryLimiter
from dispatch.adapters.postgres.limits import PostgresLimiter
from dispatch.application.ports.limits import Rate
from ledgers import opened_ledger

RATE = Rate(per=10, seconds=1.0, burst=2)


@pytest.fixture
def postgres_limiter(database_url):
    with opened_ledger(database_url), ConnectionPool(database_url, min_size=1, max_size=4) as pool:
        limiter = PostgresLimiter(pool)
        limiter.prepare()
        limiter.prepare()  # Twice does no harm.
        yield limiter


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def limiter(request):
    return MemoryLimiter() if request.param == "memory" else request.getfixturevalue("postgres_limiter")


def test_what_is_granted_is_a_burst_and_then_a_pace(limiter):
    got = limiter.reserve("main", RATE, 100, horizon_s=1.0)
    assert got.granted == 12, "two at once, and ten more within the second"
    assert (got.first_after_s, got.interval_s) == pytest.approx((-0.1, 0.1))
    assert got.retry_after_s == pytest.approx(1.1)


def test_who_comes_next_gets_what_is_left_and_is_told_when_to_come_again(limiter):
    limiter.reserve("main", RATE, 7, horizon_s=1.0)
    got = limiter.reserve("main", RATE, 100, horizon_s=1.0)
    assert 5 <= got.granted <= 6
    none = limiter.reserve("main", RATE, 1, horizon_s=0.0)
    assert none.granted == 0
    assert 0.9 < none.retry_after_s <= 1.2
    assert limiter.reserve("other", RATE, 1, horizon_s=0.0).granted == 1, "each key has a limit of its own"


def test_time_gives_back(limiter):
    fast = Rate(per=1000, seconds=1.0, burst=1)
    assert limiter.reserve("main", fast, 50, horizon_s=0.05).granted >= 50
    time.sleep(0.06)
    assert limiter.reserve("main", fast, 1, horizon_s=0.0).granted == 1


@pytest.mark.postgres
@pytest.mark.acceptance("X19", part="calls of many processes never pass the limit, and reach it")
def test_many_processes_share_one_limit_exactly(database_url, postgres_limiter):
    rate, seconds = Rate(per=400, seconds=1.0, burst=20), 1.5
    with ProcessPoolExecutor(4) as processes:
        ends = list(processes.map(spend, [database_url] * 4, [seconds] * 4))
    granted = sum(count for count, _, _ in ends)
    lasted = max(until for _, _, until in ends) - min(since for _, since, _ in ends)
    assert granted <= rate.per * lasted + rate.burst
    assert granted >= 0.8 * rate.per * seconds


def spend(database_url: str, seconds: float) -> tuple[int, float, float]:
    """Takes one after the other as fast as it goes."""
    rate = Rate(per=400, seconds=1.0, burst=20)
    with ConnectionPool(database_url, min_size=1, max_size=1) as pool:
        limiter, granted, since = PostgresLimiter(pool), 0, time.time()
        while time.time() < since + seconds:
            granted += limiter.reserve("shared", rate, 1, horizon_s=0.0).granted
        return granted, since, time.time()
