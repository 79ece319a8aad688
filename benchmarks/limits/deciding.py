"""What the processes of the contests do: the same number of decisions, each in its own way."""

import multiprocessing
from dataclasses import dataclass
from time import perf_counter

from dispatch.adapters.postgres.limits import PostgresLimiter, open_limits_pool
from dispatch.application.ports.limits import Limit
from dispatch.domain.gcra import Rate

ANSWERS_WITHIN_S = 300
TOGETHER = 50
WIDE = Rate(1_000_000, 1.0, 1_000_000)
TABLE_BY_HAND = """
CREATE UNLOGGED TABLE counters (key text PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 50)
"""
UPSERT = """
INSERT INTO counters AS held (key, n) VALUES (%s, 1) ON CONFLICT (key) DO UPDATE SET n = held.n + 1 RETURNING n
"""


@dataclass(frozen=True)
class Work:
    """How many processes decide how often, each on a limit of its own (`each`) or all on one (`shared`)."""

    processes: int
    count: int
    keys: str


def decide_together(url: str, how: str, work: Work) -> float:
    """The seconds that it took, from the moment when every process was connected."""
    context = multiprocessing.get_context("forkserver")  # Processes of their own without a second of imports in each.
    context.set_forkserver_preload([__name__])
    ready, begin, done = context.Semaphore(0), context.Event(), context.Queue()
    asked = [(url, how, work.count, f"k{number if work.keys == 'each' else ''}") for number in range(work.processes)]
    processes = [context.Process(target=_decide, args=(*each, ready, begin, done), daemon=True) for each in asked]
    for process in processes:
        process.start()
    for _ in processes:
        assert ready.acquire(timeout=ANSWERS_WITHIN_S)
    started = perf_counter()
    begin.set()
    decided = sum(done.get(timeout=ANSWERS_WITHIN_S) for _ in processes)
    seconds = perf_counter() - started
    for process in processes:
        process.join()
    assert decided == work.processes * work.count, decided
    return seconds


def _decide(url: str, how: str, count: int, key: str, ready, begin, done) -> None:
    with open_limits_pool(url) as pool:
        limiter = PostgresLimiter(pool)
        limit, other = Limit(key, WIDE), Limit(f"{key}-other", WIDE)
        limiter.standings([limit])
        ready.release()
        begin.wait(ANSWERS_WITHIN_S)
        decided = 0
        if how == "check":
            for _ in range(count):
                decided += limiter.check(key, WIDE).allowed
        elif how == "check_many":
            for _ in range(count // TOGETHER):
                decided += sum(each.allowed for each in limiter.check_many([limit] * TOGETHER))
        elif how == "reserve_all":
            for _ in range(count):
                decided += limiter.reserve_all([limit, other], 1, 1.0).granted
        else:
            with pool.connection() as connection:
                for _ in range(count):
                    decided += connection.execute(UPSERT, (key,)).fetchone() is not None
        done.put(decided)
