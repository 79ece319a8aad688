"""Ours: the roles outbox and webhooks, a process each as in a running system, on a ledger that is ahead of them."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.contest import Stopwatch, Timed
from benchmarks.jobs import chunks, marker, new_stream, opened
from dispatch.adapters.embedded.nats import EmbeddedNats
from dispatch.application.webhooks.desk import NewEndpoint
from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.settings import Settings
from dispatch.entrypoints.supervisor.children import play_roles

CHUNK = 500
PATIENCE_S = 300.0
LOOK_EVERY_S = 0.02
RECORDED = "SELECT coalesce(max(attempt_id), 0) FROM ops.webhook_attempts"
"""At most so many: looks that count them read all of them each time, on the cores that are measured."""
ATTEMPTS = "SELECT count(*) FROM ops.webhook_attempts WHERE error = ''"


def run(url: str, sink_url: str, parent: Path, count: int) -> Timed:
    """From events that nobody was told of to the last answer that is recorded."""
    with TemporaryDirectory(dir=parent) as folder, EmbeddedNats(Path(folder) / "nats") as nats:
        settings = Settings(
            data=Path(folder) / "data", database_url=url, nats_url=nats.url, endpoint_private_hosts="127.0.0.1"
        )
        with closing(open_app(settings)) as app:
            app.migrate()
            app.endpoints.register(NewEndpoint(name="sink", url=sink_url, types=("job.opened",)), by="benchmark")
            with (
                _role("outbox", settings),
                _role("webhooks", settings),
                psycopg.connect(url, autocommit=True) as looking,
            ):
                app.endpoints.disable("sink", by="benchmark")  # Until everything is recorded.
                for number, jobs in enumerate(chunks(opened(count), CHUNK), 1):
                    note = marker(number, number * CHUNK, len(jobs))
                    app.ledger.append_bulk(note, [new_stream([job]) for job in jobs])
                since = min(record.recorded_at for record in app.ledger.read(0, 1))
                app.endpoints.enable("sink", by="benchmark")
                with Stopwatch() as watch:
                    app.endpoints.replay("sink", since, by="benchmark")
                    _wait(looking, count)
                attempts = looking.execute(ATTEMPTS).fetchone()[0]
        assert attempts == count, f"{attempts} attempts are recorded for {count} messages"
        return Timed(count, watch.seconds)


def _wait(connection: psycopg.Connection, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (recorded := connection.execute(RECORDED).fetchone()[0]) < count:
        assert time.monotonic() < deadline, f"{recorded} of {count} attempts are recorded"
        time.sleep(LOOK_EVERY_S)


@contextmanager
def _role(name: str, settings: Settings) -> Iterator[None]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=play_roles, args=((name,), settings, settings.data / f"{name}.log", theirs))
    process.start()
    theirs.close()
    try:
        assert ours.poll(PATIENCE_S), f"the role {name} does not start"
        yield
    finally:
        process.terminate()
        process.join()
