"""DBOS: a workflow of six durable steps, started locally, without a queue."""

import asyncio

from dbos import DBOS

from benchmarks.contest import Timed
from benchmarks.pipeline.work import STAGES, acting, in_flight

CONNECTIONS = 20


def run(url: str, providers_url: str, jobs: int) -> Timed:
    """Every step's outcome is in its system database before the next one begins."""
    return asyncio.run(_run(url, providers_url, jobs))


async def _run(url: str, providers_url: str, jobs: int) -> Timed:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url.replace("postgresql://", "postgresql+psycopg://"),
            "sys_db_pool_size": CONNECTIONS,
            "log_level": "ERROR",
            "run_admin_server": False,
            "enable_otlp": False,
        }
    )
    async with acting(providers_url) as act:

        @DBOS.step()
        async def step(job: int, stage: int) -> str:
            await act(job, stage)
            return "done"

        @DBOS.workflow()
        async def workflow(job: int) -> None:
            for stage in range(1, STAGES + 1):
                await step(job, stage)

        DBOS.launch()
        timed = await in_flight(jobs, workflow)
    DBOS.destroy()
    return timed
