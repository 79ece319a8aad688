"""Single events: 64 callers at once, one event and one answer each."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import uvloop
from eventsourcing.persistence import StoredEvent

from benchmarks import stock
from benchmarks.append.tables import DESIGN, ISSUE, LEDGER_TABLE
from benchmarks.contest import Contest, Contestant, Goal, Stopwatch, Timed
from benchmarks.jobs import copy_data, copy_row, new_stream, opened, stored_rows
from benchmarks.lab import Lab, count_rows

CALLERS = 64
WARM_UP = CALLERS
PEERS = ("stock recorder, 64 threads", "stock recorder, 1 thread")
GOALS = (Goal(20, PEERS, ISSUE), Goal(35, PEERS, f"{DESIGN} P4"))


def contest(lab: Lab, count: int, count_stock: int, goals: Sequence[Goal] = GOALS) -> Contest:
    """One event, one caller, one answer; 64 of them at once."""

    def ours() -> Timed:
        appends = [new_stream([job]) for job in opened(WARM_UP + count)]

        async def call(mine: Sequence) -> None:
            for append in mine:
                [answer] = await ledger.append_async([append])
                assert isinstance(answer, range), answer

        with lab.ledger() as (ledger, url):
            watch = uvloop.run(at_once(call, appends))
            assert count_rows(url, LEDGER_TABLE) == len(appends)
        return Timed(count, watch.seconds)

    def library(threads: int) -> Timed:
        events = [StoredEvent(*row) for job in opened(WARM_UP + count_stock) for row in stored_rows([job])]
        with lab.database("stock", stock.create_table) as url, stock.stock_recorder(url) as recorder:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(recorder.insert_events, ([event] for event in events[:WARM_UP])))
                with Stopwatch() as watch:
                    list(pool.map(recorder.insert_events, ([event] for event in events[WARM_UP:])))
            assert count_rows(url, stock.TABLE) == len(events)
        return Timed(count_stock, watch.seconds)

    def by_hand() -> Timed:
        rows = [copy_row(row) for job in opened(WARM_UP + count) for row in stored_rows([job])]

        async def measure(url: str) -> Stopwatch:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                committer = CommitterByHand(connection)
                writer = asyncio.create_task(committer.write())
                watch = await at_once(committer.call, rows)
                writer.cancel()
                return watch

        with lab.database("stock", stock.create_table) as url:
            watch = uvloop.run(measure(url))
            assert count_rows(url, stock.TABLE) == len(rows)
        return Timed(count, watch.seconds)

    return Contest(
        name="single events at 64 callers",
        unit="events/s",
        about="Every caller appends one new stream, waits until it is durable, and appends the next.",
        contestants=[
            Contestant("dispatch, append_async", "ours", ours, "encodes, checks versions, records the cause"),
            Contestant(PEERS[0], "peer", lambda: library(CALLERS), "events encoded beforehand"),
            Contestant(PEERS[1], "peer", lambda: library(1), "events encoded beforehand"),
            Contestant(
                "group commit by hand", "limit", by_hand, "COPY of what waits, encoded beforehand, nothing checked"
            ),
        ],
        goals=goals,
    )


async def at_once(call, items: Sequence) -> Stopwatch:
    """Give every caller its share of the items, the first ones to warm up; times the others."""
    first, others = items[:WARM_UP], items[WARM_UP:]
    await asyncio.gather(*(call(first[caller::CALLERS]) for caller in range(CALLERS)))
    with Stopwatch() as watch:
        await asyncio.gather(*(call(others[caller::CALLERS]) for caller in range(CALLERS)))
    return watch


class CommitterByHand:
    """The least that group commit can be: one connection, one COPY of encoded rows for whatever waits."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection, self._wake = connection, asyncio.Event()
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []

    async def call(self, rows: Sequence[bytes]) -> None:
        """One caller: a row, the wait until it is durable, the next row."""
        loop = asyncio.get_running_loop()
        for row in rows:
            future = loop.create_future()
            self._waiting.append((row, future))
            self._wake.set()
            await future

    async def write(self) -> None:
        """The writer; runs until it is cancelled."""
        cursor = self._connection.cursor()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                group, self._waiting = self._waiting, []
                async with cursor.copy(stock.COPY) as copy:
                    await copy.write(copy_data(row for row, _ in group))
                for _, future in group:
                    future.set_result(None)
                await asyncio.sleep(0)  # Those that were woken queue their next row first.
