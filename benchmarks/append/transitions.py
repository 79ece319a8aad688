"""Batched transitions: load, decide and append for 500 jobs at a time.

As many batches are in hand at once, each in a thread, as a worker has chunks (`DISPATCH_WORKER_LANES`): while Postgres
records one, the next is loaded and decided. One batch after the other, as a command over many jobs takes them, stands
beside it.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from benchmarks import stock
from benchmarks.append.next_steps import LANES
from benchmarks.append.tables import (
    DESIGN,
    ISSUE,
    LEDGER_TABLE,
    ROW,
    copy_blocks,
    fill_ledger,
    insert_staged,
    stage_rows,
    vacuum,
)
from benchmarks.contest import Contest, Contestant, Goal, Stopwatch, Timed
from benchmarks.jobs import (
    CAUSE,
    chunks,
    copy_data,
    copy_row,
    next_step,
    opened,
    stored_rows,
    under_way,
)
from benchmarks.lab import Lab, count_rows
from dispatch.adapters.codec import decode
from dispatch.application.handle import handle_many
from dispatch.application.ports.ledger import EventLedger
from dispatch.domain.job.decide import decider

BATCH_SIZE = 500


def contest(lab: Lab, count: int, count_stock: int) -> Contest:
    """One more event on jobs that have four."""
    jobs = opened(count)
    job_ids = [job.job_id for job in jobs]

    def fill_stock(url: str) -> None:
        stock.create_table(url)
        rows = [copy_row(row) for job in jobs for row in stored_rows(under_way(job))]
        copy_blocks(url, stock.TABLE, ROW, [copy_data(rows)])
        vacuum(url)

    def fill_staged(url: str) -> None:
        """The new rows themselves, numbered by batch, beside the filled table."""
        fill_stock(url)
        rows = (
            row
            for job in jobs
            for row in stored_rows(decider.decide(next_step(job.job_id), decider.fold(under_way(job))), after=4)
        )
        stage_rows(url, ((number // BATCH_SIZE, row) for number, row in enumerate(rows)))

    def ours(lanes: int) -> Timed:
        with lab.ledger(f"ledger with {count} jobs", lambda url: fill_ledger(url, jobs)) as (ledger, url):
            ledger.load_many(job_ids[:1])
            with Stopwatch() as watch:
                asyncio.run(_run(ledger, job_ids, lanes))
            assert count_rows(url, LEDGER_TABLE) == 1 + 5 * count
        return Timed(count, watch.seconds)

    def library() -> Timed:
        with (
            lab.database(f"stock with {count} jobs", fill_stock) as url,
            stock.stock_recorder(url) as recorder,
        ):
            recorder.select_events(UUID(job_ids[-1]))
            with Stopwatch() as watch:
                for job_id in job_ids[:count_stock]:
                    stored = recorder.select_events(UUID(job_id))
                    job = decider.fold(decode(event.topic, event.state) for event in stored)
                    new = decider.decide(next_step(job_id), job)
                    recorder.insert_events([StoredEvent(*row) for row in stored_rows(new, after=len(stored))])
            assert count_rows(url, stock.TABLE) == 4 * count + count_stock
        return Timed(count_stock, watch.seconds)

    def in_sql() -> Timed:
        with lab.database(f"staged with {count} jobs", fill_staged) as url:
            seconds = insert_staged(url, -(-count // BATCH_SIZE))
            assert count_rows(url, stock.TABLE) == 5 * count
        return Timed(count, seconds)

    peer, limit = "stock recorder, one by one", "INSERT ... SELECT in 500s"
    return Contest(
        name="batched transitions",
        unit="transitions/s",
        about=f"{count:,} jobs of four events get one more: load, decide, append, {BATCH_SIZE} jobs at a time.",
        contestants=[
            Contestant(
                "dispatch, handle_many",
                "ours",
                lambda: ours(LANES),
                f"one load and one append a batch, {LANES} batches in hand at once, as a worker has them",
            ),
            Contestant(
                "... one batch after the other", "ours", lambda: ours(1), "nothing is done while Postgres works"
            ),
            Contestant(peer, "peer", library, "select_events + insert_events a job, with our codec and decider"),
            Contestant(limit, "limit", in_sql, "the rows lie ready in a table: nothing loaded, decided or sent"),
        ],
        goals=[Goal(20, (peer,), ISSUE), Goal(0.33, (limit,), f"{DESIGN} P6")],
    )


async def _run(ledger: EventLedger, job_ids: Sequence[str], lanes: int) -> None:
    waiting = iter(chunks(job_ids, BATCH_SIZE))

    async def lane() -> None:
        for chunk in waiting:
            commands = [(job_id, next_step(job_id)) for job_id in chunk]
            await asyncio.to_thread(handle_many, ledger, decider, commands, CAUSE)

    await asyncio.gather(*(lane() for _ in range(lanes)))
