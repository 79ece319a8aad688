"""Rate limits: what is granted, in memory and in Postgres; and that several processes together never exceed one."""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from dispatch.adapters.limits_memory import MemoryLimiter
from dispatch.adapters.postgres.limits import PostgresLimiter, open_limits_pool
from dispatch.adapters.postgres.migrate import migrate
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.limits import Limit, Limiter
from dispatch.domain.gcra import Rate

SLOW = Rate(1, 1000.0, 4)
"""Nothing comes back while a test runs."""


@pytest.fixture
def memory_limiter() -> MemoryLimiter:
    return MemoryLimiter()


@pytest.fixture
def limits_url(database_url) -> str:
    migrate(database_url)
    with open_limits_pool(database_url) as pool:
        PostgresLimiter(pool).prepare()
    return database_url


@pytest.fixture
def postgres_limiter(limits_url) -> Iterator[PostgresLimiter]:
    with open_limits_pool(limits_url) as pool:
        yield PostgresLimiter(pool)


@pytest.fixture(params=["memory_limiter", pytest.param("postgres_limiter", marks=pytest.mark.postgres)])
def limiter(request) -> Limiter:
    return request.getfixturevalue(request.param)


@pytest.mark.acceptance("X19", part="what is said and what is enforced are one decision")
def test_a_check_counts_down_and_then_says_when(limiter):
    said = [limiter.check("k", SLOW) for _ in range(6)]
    assert [each.allowed for each in said] == [True] * 4 + [False] * 2
    assert [each.remaining for each in said] == [3, 2, 1, 0, 0, 0]
    assert {each.limit for each in said} == {4}
    assert [each.retry_after_s > 990 for each in said] == [False] * 4 + [True] * 2
    assert 3_990 < said[-1].reset_after_s <= 4_000


def test_keys_have_nothing_to_do_with_each_other(limiter):
    assert not [limiter.check("full", SLOW) for _ in range(5)][-1].allowed
    assert limiter.check("other", SLOW).allowed


def test_checks_in_one_step_are_as_those_in_turn(limiter):
    a, b = Limit("a", SLOW), Limit("b", Rate(1, 1000.0, 1))
    said = limiter.check_many([a, b, a, a, b, a, a, a])
    assert [each.allowed for each in said] == [True, True, True, True, False, True, False, False]
    assert [each.remaining for each in said if each.limit == 4] == [3, 2, 1, 0, 0, 0]
    assert said[7].retry_after_s >= said[6].retry_after_s > 0, "the later one waits for its own turn"
    assert limiter.check_many([]) == []


def test_after_its_time_a_check_passes_again(limiter):
    rate = Rate(20, 1.0, 1)
    while (refused := limiter.check("k", rate)).allowed:
        pass  # On a busy machine the time of one may be over before the next one asks.
    time.sleep(refused.retry_after_s + 0.005)
    assert limiter.check("k", rate).allowed


def test_reserving_goes_into_the_future_as_far_as_the_horizon(limiter):
    rate = Rate(10, 1000.0, 2)
    first = limiter.reserve("k", rate, 3, horizon_s=10_000.0)
    assert (first.granted, first.at_once, first.delay_s, first.ask_again_s) == (3, 2, 0.0, 0.0)
    assert first.interval_s == pytest.approx(100)
    assert [first.starts_after_s(index) for index in range(3)] == pytest.approx([0, 0, 100])
    assert first.limited_by == "k"
    second = limiter.reserve("k", rate, 2, horizon_s=10_000.0)
    assert second.granted == 2
    assert second.starts_after_s(0) == pytest.approx(200, abs=50), "behind those of the first"
    nothing = limiter.reserve("k", rate, 1, horizon_s=0.0)
    assert nothing.granted == 0
    assert nothing.ask_again_s > 0
    assert nothing.limited_by == "k"


def test_whoever_asks_for_much_leaves_room_for_who_asks_for_one(limiter):
    rate = Rate(100, 1000.0, 1)  # A thousand seconds hold a hundred.
    much = limiter.reserve("k", rate, 500, horizon_s=1000.0)
    assert 0 < much.granted <= 51
    for _ in range(5):
        assert limiter.reserve("k", rate, 1, horizon_s=1000.0).granted == 1
    again = limiter.reserve("k", rate, 450, horizon_s=1000.0)
    assert again.granted > 0
    small = limiter.reserve("k", rate, 1, horizon_s=1000.0)
    assert small.granted == 1
    assert again.ask_again_s > small.ask_again_s


def test_of_several_limits_the_narrowest_counts_and_no_other_is_taken_from(limiter):
    wide, narrow = Limit("channel:sms", Rate(1000, 1.0, 100)), Limit("provider:p", Rate(1, 1000.0, 3))
    first = limiter.reserve_all([wide, narrow], 50, horizon_s=0.0)
    assert first.granted == 1, "a half of three"
    assert first.limited_by == "provider:p"
    while limiter.reserve_all([wide, narrow], 50, horizon_s=0.0).granted:
        pass
    refused = limiter.reserve_all([wide, narrow], 50, horizon_s=0.0)
    assert (refused.granted, refused.at_once) == (0, 0)
    assert 900 < refused.ask_again_s <= 1000
    assert limiter.standings([wide, narrow])[0].taken <= 3, "nothing was taken for what was refused"


def test_the_pace_of_several_limits_is_no_faster_than_any(limiter):
    quick, slow = Limit("quick", Rate(100, 1.0, 1)), Limit("slow", Rate(10, 1.0, 5))
    got = limiter.reserve_all([quick, slow], 5, horizon_s=100.0)
    assert got.granted == 5
    starts = [got.starts_after_s(index) for index in range(5)]
    assert all(start >= index * 0.01 - 1e-6 for index, start in enumerate(starts))
    assert got.interval_s == pytest.approx(0.1)


def test_without_a_limit_everything_goes(limiter):
    got = limiter.reserve_all([], 7, horizon_s=0.0)
    assert (got.granted, got.at_once, got.delay_s, got.ask_again_s, got.limited_by) == (7, 7, 0.0, 0.0, "")


def test_standings_take_nothing(limiter):
    limit = Limit("k", SLOW)
    assert [each.taken for each in limiter.standings([limit])] == [0]
    limiter.check("k", SLOW)
    for _ in range(2):
        [standing] = limiter.standings([limit])
        assert (standing.key, standing.taken) == ("k", 1)
        assert 990 < standing.free_after_s <= 1000


@pytest.mark.acceptance("3.11")
def test_counters_go_after_120_seconds_in_memory():
    now = [1_000_000_000_000]
    limiter = MemoryLimiter(lambda: now[0])
    limiter.check("k", Rate(1, 1.0, 1))
    now[0] += 120_000_000_000
    assert limiter.forget() == 0
    now[0] += 2_000_000_000
    assert limiter.forget() == 1


@pytest.mark.postgres
@pytest.mark.acceptance("3.11")
def test_counters_go_after_120_seconds(postgres_limiter, limits_url):
    postgres_limiter.check("old", Rate(1, 1.0, 1))
    postgres_limiter.check("new", Rate(1, 1.0, 1))
    with psycopg.connect(limits_url, autocommit=True) as connection:
        later = "UPDATE ops.rate_limits SET tat_ns = tat_ns - %s * 1000000000::bigint WHERE key = 'old'"
        connection.execute(later, (119,))
        assert postgres_limiter.forget() == 0
        connection.execute(later, (3,))
        assert postgres_limiter.forget() == 1
        assert connection.execute("SELECT key FROM ops.rate_limits").fetchall() == [("new",)]


@pytest.mark.postgres
def test_an_emptied_table_is_a_full_bucket(postgres_limiter, limits_url):
    limits = [Limit("a", Rate(1, 1000.0, 2)), Limit("b", Rate(1, 1000.0, 2))]
    while postgres_limiter.reserve_all(limits, 1, 0.0).granted:
        pass
    with psycopg.connect(limits_url, autocommit=True) as connection:
        connection.execute("TRUNCATE ops.rate_limits")  # As after a crash: the table is unlogged.
    assert postgres_limiter.reserve_all(limits, 1, 0.0).granted == 1


@pytest.mark.postgres
def test_the_commit_is_not_waited_for(postgres_limiter):
    with postgres_limiter._connection() as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("off",)


def test_without_a_database_nobody_decides():
    with open_limits_pool("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1") as pool:
        pool.timeout = 0.2
        with pytest.raises(LedgerUnavailable):
            PostgresLimiter(pool).check("k", SLOW)


@pytest.mark.postgres
@pytest.mark.acceptance("X19", part="atomic: callers at one moment never pass more than there is")
@pytest.mark.parametrize("keys", [1, 2])
def test_a_burst_is_shared_exactly_by_callers_at_one_moment(postgres_limiter, keys):
    rate = Rate(1, 1000.0, 50)
    limits = [Limit(f"key-{number}", rate) for number in range(keys)]

    def ask(_: int) -> int:
        return postgres_limiter.reserve_all(limits, 1, 0.0).granted

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(120))) == 50


SECONDS, HORIZON_S = 3.0, 0.5
SHARED = Rate(200, 1.0, 10)


def _worker(url: str, is_alone: bool, n: int, ready, begin, answers) -> None:
    """Asks as long as it may, and sends when it may use each token by the clock of this machine."""
    limits = [Limit("shared", SHARED)]
    if not is_alone:
        limits.append(Limit("wide", Rate(10_000, 1.0, 1000)))
    with open_limits_pool(url) as pool:
        limiter, starts = PostgresLimiter(pool), []
        limiter.standings(limits)
        ready.release()
        begin.wait(60)
        until = time.time() + SECONDS
        while time.time() < until:
            asked_at = time.time()
            got = limiter.reserve_all(limits, n, HORIZON_S)
            starts += [(asked_at, time.time(), got.starts_after_s(index)) for index in range(got.granted)]
            last = got.starts_after_s(got.granted - 1) if got.granted == n else 0.0
            time.sleep(max(0.001, got.ask_again_s or last))
    answers.put((n, starts))


@pytest.mark.postgres
@pytest.mark.acceptance("S.04", part="one rate shared by the processes")
@pytest.mark.parametrize("is_alone", [True, False], ids=["one limit", "two limits"])
def test_processes_share_one_rate_exactly_and_fairly(limits_url, is_alone):
    context = multiprocessing.get_context("spawn")
    answers, ready, begin = context.Queue(), context.Semaphore(0), context.Event()
    asking = (500, 500, 50, 1)
    processes = [
        context.Process(target=_worker, args=(limits_url, is_alone, n, ready, begin, answers), daemon=True)
        for n in asking
    ]
    for process in processes:
        process.start()
    for _ in processes:
        assert ready.acquire(timeout=60)
    started = time.time()
    begin.set()
    told = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(10)
    granted = [one for _, starts in told for one in starts]
    # The database decided between the question and the answer: the latest that a use can be, and the earliest.
    latest = max(answered + wait for _, answered, wait in granted)
    assert len(granted) <= 200 * (latest - started) + 10, "never more than the rate and the burst"
    within = [one for one in granted if one[0] + one[2] <= started + SECONDS]
    assert len(within) >= 200 * SECONDS * 0.85, "what is asked for is handed out"
    [ones] = [len(starts) for n, starts in told if n == 1]
    assert ones >= SECONDS / HORIZON_S * 0.8, "who asks for one waits for no longer than the horizon each time"
