"""A plain `eventsourcing` application: aggregates, its own transcoder, one save a stage, as its documentation shows."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import uvloop
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

from benchmarks.contest import Timed
from benchmarks.pipeline.work import STAGES, WARM_UP, acting, in_flight, reference
from benchmarks.stock import POOL_OVERFLOW, POOL_SIZE

THREADS = POOL_SIZE + POOL_OVERFLOW


class PlainJob(Aggregate):
    """The job as the library would have it."""

    @event("Opened")
    def __init__(self, reference: str, customer: str, price_pence: int) -> None:
        self.reference, self.customer, self.price_pence = reference, customer, price_pence
        self.stage = 0

    @event("Advanced")
    def advance(self, stage: int, note: str) -> None:
        """One stage further."""
        self.stage = stage


def run(url: str, providers_url: str, jobs: int) -> Timed:
    """The calls on an event loop, the library's synchronous saves on threads, one for each connection of its pool."""
    parts = conninfo_to_dict(url)
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": str(parts["port"]),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": "unused",
    }
    application = Application(environment)
    timed = uvloop.run(_run(application, providers_url, jobs))
    assert application.recorder.max_notification_id() == (jobs + WARM_UP) * (STAGES + 1)
    application.close()
    return timed


async def _run(application: Application, providers_url: str, jobs: int) -> Timed:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(THREADS) as threads:
        async with acting(providers_url) as act:

            async def run_job(number: int) -> None:
                job = PlainJob(reference(number), "Ann Example", 7500)
                await loop.run_in_executor(threads, application.save, job)
                for stage in range(1, STAGES + 1):
                    await act(number, stage)
                    job.advance(stage, "done")
                    await loop.run_in_executor(threads, application.save, job)

            return await in_flight(jobs, run_job)
