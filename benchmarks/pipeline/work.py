"""What every yardstick does for one job: six stages, two provider calls, one message; 100 jobs in flight."""

import asyncio
import csv
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tools.make_sample import HEADER, rows

from benchmarks.contest import Stopwatch, Timed
from dispatch.adapters.providers.contact_finder import HttpContactFinder
from dispatch.adapters.providers.email_verifier import HttpEmailVerifier
from dispatch.adapters.providers.http import build_client
from dispatch.adapters.providers.notifier import HttpNotifier
from dispatch.application.ports.providers import Channel, Message

IN_FLIGHT = 100
STAGES = 6
FIND, VERIFY, SEND = 2, 4, 6
"""The stages that call a provider."""
WARM_UP = 5

Act = Callable[[int, int], Awaitable[None]]
"""What stage number `stage` (from 1) of job number `job` does outside."""


def reference(job: int) -> str:
    """What everybody calls job number `job`."""
    return f"SJ-2026-{job:06d}"


@asynccontextmanager
async def acting(providers_url: str) -> AsyncIterator[Act]:
    """The calls through our HTTP adapters."""
    async with build_client(IN_FLIGHT) as client:
        finder, verifier = HttpContactFinder(client, providers_url), HttpEmailVerifier(client, providers_url)
        notifier = HttpNotifier(client, providers_url)

        async def act(job: int, stage: int) -> None:
            if stage == FIND:
                await finder.find(reference(job), "Ann Example", "NG9 6QR", "", "+447700900123")
            elif stage == VERIFY:
                await verifier.verdict(f"ann{job}@example.com")
            elif stage == SEND:
                await notifier.send(
                    Message(
                        idempotency_key=f"dispatch.{reference(job)}",
                        channel=Channel.EMAIL,
                        to=f"ann{job}@example.com",
                        template="service_job_offer.v1",
                        variables={"name": "Ann Example", "reference": reference(job), "price": "£75.00"},
                    )
                )

        yield act


async def in_flight(jobs: int, run_job: Callable[[int], Awaitable[None]]) -> Timed:
    """Run jobs 0 to jobs - 1, so many at once; some more before them to warm up."""
    room = asyncio.Semaphore(IN_FLIGHT)

    async def one(job: int) -> None:
        async with room:
            await run_job(job)

    await asyncio.gather(*(one(jobs + extra) for extra in range(WARM_UP)))
    with Stopwatch() as watch:
        await asyncio.gather(*(one(job) for job in range(jobs)))
    return Timed(jobs, watch.seconds)


def write_deliverable(path: Path, count: int) -> None:
    """A file of jobs that all may be delivered: good rows on the basis of a contract."""
    allowed = {"lawful_basis": "contract", "opted_out": "no"}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for row in rows(count, 0.0, 0, 2026):
            writer.writerow([allowed.get(name, value) for name, value in zip(HEADER, row, strict=True)])
