"""The next step of jobs that the worker has itself brought to where they stand: decide and append, 500 at a time.

As many chunks are in hand at once as a worker has (`DISPATCH_WORKER_LANES`): one is decided while another is recorded.
"""

import asyncio
from collections.abc import Sequence

from benchmarks import stock
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
from benchmarks.jobs import NOON, ROUTE, chunks, copy_data, copy_row, next_step, opened, under_way
from benchmarks.jobs import stored_rows as rows_of
from benchmarks.lab import Lab, count_rows
from dispatch.application.known_jobs import KnownJobs
from dispatch.application.ports.ledger import EventLedger
from dispatch.application.stages.stage import PureStage, Task
from dispatch.application.work import RunStage
from dispatch.domain.job.commands import Done, Outcome
from dispatch.domain.job.decide import decider
from dispatch.entrypoints.settings import Settings

BATCH_SIZE = 500
LANES = Settings().worker_lanes
BEFORE, HERE = ROUTE[3], ROUTE[4]


def _found(task: Task) -> Outcome:
    return Done({"source": "simulator"})


def contest(lab: Lab, count: int) -> Contest:
    """One more event on jobs of which this process has recorded the last one."""
    jobs = opened(count)
    job_ids = [job.job_id for job in jobs]

    def fill_staged(url: str) -> None:
        """The new rows themselves, numbered by batch, beside a table filled with the same jobs."""
        stock.create_table(url)
        states = [[*under_way(job), *_next(under_way(job), job.job_id, BEFORE)] for job in jobs]
        copy_blocks(url, stock.TABLE, ROW, [copy_data(copy_row(row) for events in states for row in rows_of(events))])
        vacuum(url)
        steps = (_next(events, job_id, HERE) for events, job_id in zip(states, job_ids, strict=True))
        rows = (row for step in steps for row in rows_of(step, after=5))
        stage_rows(url, ((number // BATCH_SIZE, row) for number, row in enumerate(rows)))

    def ours() -> Timed:
        with lab.ledger(f"ledger with {count} jobs", lambda url: fill_ledger(url, jobs)) as (ledger, url):
            known = KnownJobs(seconds=600, jobs_max=count)
            asyncio.run(_run(ledger, known, BEFORE, job_ids))
            with Stopwatch() as watch:
                asyncio.run(_run(ledger, known, HERE, job_ids))
            assert count_rows(url, LEDGER_TABLE) == 1 + 6 * count
        return Timed(count, watch.seconds)

    def in_sql() -> Timed:
        with lab.database(f"staged with {count} next steps", fill_staged) as url:
            seconds = insert_staged(url, -(-count // BATCH_SIZE))
            assert count_rows(url, stock.TABLE) == 6 * count
        return Timed(count, seconds)

    limit = "INSERT ... SELECT in 500s"
    return Contest(
        name="next steps of known jobs",
        unit="transitions/s",
        about=f"{count:,} jobs of which the worker recorded the fifth event get a sixth, {BATCH_SIZE} at a time,"
        f" {LANES} such chunks in hand at once, as a worker has them.",
        contestants=[
            Contestant("dispatch, RunStage", "ours", ours, "decides a pure stage, checks versions, records the cause"),
            Contestant(limit, "limit", in_sql, "the rows lie ready in a table: nothing loaded, decided or sent"),
        ],
        goals=[Goal(0.3, (limit,), ISSUE), Goal(0.33, (limit,), f"{DESIGN} P6")],
    )


def _next(events: Sequence, job_id: str, stage: str) -> list:
    command = next_step(job_id, stage)
    return decider.decide(command, decider.fold(events))


async def _run(ledger: EventLedger, known: KnownJobs, stage: str, job_ids: Sequence[str]) -> None:
    """One stage of a worker that knows no other, so that each job takes one step."""
    stages = {stage: PureStage(name=stage, decide=_found)}
    run = RunStage(ledger, stages, None, None, lambda: NOON, lambda: 0.5, known=known)  # type: ignore[arg-type]
    waiting = iter(chunks(job_ids, BATCH_SIZE))

    async def lane() -> None:
        for chunk in waiting:
            assert await run(stage, chunk) == len(chunk)

    await asyncio.gather(*(lane() for _ in range(LANES)))
