"""Jobs through stages that call nobody: by the running system over JetStream, and by the same code in one process."""

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psycopg

from benchmarks.contest import Stopwatch, Timed
from benchmarks.jobs import chunks, marker, new_stream, opened
from dispatch.adapters.embedded.nats import EmbeddedNats
from dispatch.adapters.upcasting import SHAPES, stored_name
from dispatch.domain.control.events import PauseScope
from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.logs import configure_logs
from dispatch.entrypoints.run_stages import open_run_stage
from dispatch.entrypoints.settings import Settings
from dispatch.entrypoints.supervisor.system import System

STAGES = ("validate", "promote", "slots", "clear")
CHUNK = 500
PATIENCE_S = 300.0
LOOK_EVERY_S = 0.05
NOBODY = "http://127.0.0.1:9"  # Discard (RFC 863): no provider is called.
DONE = "SELECT count(*) FROM ledger.stored_events WHERE topic = %s"


def run_system(url: str, parent: Path, jobs: int) -> Timed:
    """From the end of a pause, with every job recorded and its work published, to the last recorded transition."""
    with TemporaryDirectory(dir=parent) as folder, EmbeddedNats(Path(folder) / "nats") as nats:
        settings = _settings(url, Path(folder), nats.url)
        configure_logs(settings.log_level, role="bench", file=settings.data / "logs" / "bench.log")
        with System(settings) as system, psycopg.connect(url, autocommit=True) as looking:
            system.app.control.pause(PauseScope.EVERYTHING, "", by="benchmark")
            _wait(lambda: bool(system.app.gatekeeper.look()))
            _open_jobs(system.app, jobs)
            head = system.app.ledger.head()
            _wait(lambda: all(view.position >= head for view in system.app.queries.positions()))
            system.app.control.resume(PauseScope.EVERYTHING, "", by="benchmark")
            _wait(lambda: not system.app.gatekeeper.look())
            with Stopwatch() as watch:
                _wait(lambda: _done(looking) == jobs * len(STAGES))
        return Timed(jobs * len(STAGES), watch.seconds)


def run_alone(url: str, parent: str, jobs: int) -> Timed:
    """The worker's use case in this process, stage by stage, 500 jobs at a time: no NATS, nobody beside it."""
    with TemporaryDirectory(dir=parent) as folder, closing(open_app(_settings(url, Path(folder), ""))) as app:
        app.migrate()
        job_ids = _open_jobs(app, jobs)
        with psycopg.connect(url, autocommit=True) as looking:
            timed = asyncio.run(_run_stages(app, job_ids))
            assert _done(looking) == timed.done
        return timed


async def _run_stages(app: App, job_ids: list[str]) -> Timed:
    async with open_run_stage(app) as run_stage:
        with Stopwatch() as watch:
            for stage in STAGES:
                for chunk in chunks(job_ids, CHUNK):
                    await run_stage(stage, chunk)
        return Timed(len(job_ids) * len(STAGES), watch.seconds)


def _open_jobs(app: App, jobs: int) -> list[str]:
    made = [msgspec.structs.replace(job, route=STAGES) for job in opened(jobs)]
    for number, chunk in enumerate(chunks(made, CHUNK), 1):
        app.ledger.append_bulk(marker(number, number * CHUNK, len(chunk)), [new_stream([job]) for job in chunk])
    return [job.job_id for job in made]


def _settings(url: str, folder: Path, nats_url: str) -> Settings:
    providers = {"contact_finder_url": NOBODY, "email_verifier_url": NOBODY, "notifier_url": NOBODY}
    return Settings(data=folder / "data", database_url=url, nats_url=nats_url, http_port=0, **providers)


def _done(connection: psycopg.Connection) -> int:
    name = stored_name("StageCompleted", SHAPES.versions["StageCompleted"])
    return int(connection.execute(DONE, (name,)).fetchone()[0])


def _wait(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, "it does not come to an end"
        time.sleep(LOOK_EVERY_S)
