"""How soon a worker begins with a job whose event was committed: the running system under a steady load."""

import asyncio
import statistics
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import uvloop

from benchmarks.contest import Timed
from benchmarks.jobs import chunks, new_stream, opened
from dispatch.adapters.embedded.nats import EmbeddedNats
from dispatch.adapters.nats.connection import connect
from dispatch.adapters.nats.wakeups import Wakeups
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.job.events import JobOpened, StageCompleted
from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.logs import configure_logs
from dispatch.entrypoints.settings import Settings
from dispatch.entrypoints.supervisor.system import System

STAGES = ("validate", "promote", "slots", "clear")
EVERY_S = 0.01
WARM_UP_S = 2.0
PATIENCE_S = 120.0
PAGE = 10_000
NOBODY = "http://127.0.0.1:9"  # Discard (RFC 863): no provider is called.


def run(url: str, parent: Path, per_s: int, seconds: float) -> Timed:
    """New jobs at this rate; of each the time from its commit to the beginning of its first stage."""
    with TemporaryDirectory(dir=parent) as folder, EmbeddedNats(Path(folder) / "nats") as nats:
        providers = {"contact_finder_url": NOBODY, "email_verifier_url": NOBODY, "notifier_url": NOBODY}
        settings = Settings(data=Path(folder) / "data", database_url=url, nats_url=nats.url, http_port=0, **providers)
        configure_logs(settings.log_level, role="bench", file=settings.data / "logs" / "bench.log")
        with System(settings) as system:
            jobs = round(per_s * seconds)
            uvloop.run(_open_steadily(settings, jobs, per_s))
            took_ms = _wait_for_all(system.app, jobs, round(per_s * WARM_UP_S))
    quantiles = statistics.quantiles(took_ms, n=100, method="inclusive")
    p50, p99 = quantiles[49], quantiles[98]
    return Timed(len(took_ms), len(took_ms) * p99 / 1e3, {"p50 ms": round(p50, 3), "p99 ms": round(p99, 3)})


async def _open_steadily(settings: Settings, jobs: int, per_s: int) -> None:
    """Append them on the clock, whatever an append takes, as the API does: with a wake-up for the relay."""
    client = await connect(settings.nats_url, name="bench-writer")
    app = open_app(settings, Wakeups(client).announce)
    made = [msgspec.structs.replace(job, route=STAGES) for job in opened(jobs)]
    try:
        began, appending = time.monotonic(), []
        for number, chunk in enumerate(chunks(made, max(1, round(per_s * EVERY_S)))):
            await asyncio.sleep(max(0.0, began + number * EVERY_S - time.monotonic()))
            appends = [new_stream([job]) for job in chunk]
            appending.append(asyncio.create_task(asyncio.to_thread(app.ledger.append, appends)))
        await asyncio.gather(*appending)
        await asyncio.sleep(1)  # The last wake-up is on its way.
    finally:
        app.close()
        await client.close()


def _wait_for_all(app: App, jobs: int, warm_up: int) -> list[float]:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        took_ms = list(_delays_ms(_everything(app), warm_up))
        if len(took_ms) == jobs - warm_up:
            return took_ms
        assert time.monotonic() < deadline, f"{len(took_ms)} of {jobs} jobs"
        time.sleep(0.5)


def _everything(app: App) -> Iterator[Recorded]:
    after = 0
    while page := app.ledger.read(after, PAGE):
        yield from page
        after = page[-1].position


def _delays_ms(recorded: Iterable[Recorded], warm_up: int) -> Iterator[float]:
    """Of each job its first stage: a worker takes it through all that call nobody in one transaction."""
    committed: dict[str, datetime] = {}
    for record in recorded:
        if isinstance(record.event, JobOpened):
            committed[record.stream] = record.recorded_at
        elif isinstance(record.event, StageCompleted) and (since := committed.pop(record.stream, None)):
            warm_up -= 1
            if warm_up < 0:
                yield max(0.0, (record.event.at - since).total_seconds() * 1e3)
