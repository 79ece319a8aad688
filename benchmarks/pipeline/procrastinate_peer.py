"""Procrastinate: six chained tasks a job, each of which defers the next; one worker, 100 at once."""

import asyncio

import procrastinate

from benchmarks.contest import Stopwatch, Timed
from benchmarks.pipeline.work import IN_FLIGHT, STAGES, acting

CONNECTIONS = 20


def run(url: str, providers_url: str, jobs: int) -> Timed:
    """Every stage is a task of its own on the table of the queue."""
    return asyncio.run(_run(url, providers_url, jobs))


async def _run(url: str, providers_url: str, jobs: int) -> Timed:
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=url, min_size=2, max_size=CONNECTIONS),
    )
    left, finished = jobs, asyncio.Event()
    async with app.open_async(), acting(providers_url) as act:
        await app.schema_manager.apply_schema_async()

        @app.task(name="stage")
        async def run_stage(job: int, stage: int) -> None:
            nonlocal left
            await act(job, stage)
            if stage < STAGES:
                await run_stage.defer_async(job=job, stage=stage + 1)
                return
            left -= 1
            if not left:
                finished.set()

        await run_stage.batch_defer_async(*({"job": job, "stage": 1} for job in range(jobs)))
        with Stopwatch() as watch:
            worker = asyncio.create_task(app.run_worker_async(concurrency=IN_FLIGHT, install_signal_handlers=False))
            await finished.wait()
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    return Timed(jobs, watch.seconds)
