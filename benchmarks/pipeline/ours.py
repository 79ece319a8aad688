"""The whole system as `dispatch up` runs it: API, relay, timers, projector and workers, each in its own process."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contest import Stopwatch, Timed
from dispatch.adapters.embedded.nats import EmbeddedNats
from dispatch.application.intake.profiles import profile_named
from dispatch.entrypoints.logs import configure_logs
from dispatch.entrypoints.settings import Settings
from dispatch.entrypoints.supervisor.system import System

PATIENCE_S = 300.0
LOOK_EVERY_S = 0.02


def run_system(url: str, providers_url: str, file: Path, jobs: int) -> Timed:
    """From the file that is handed over to the last job that the read model shows as delivered."""
    with TemporaryDirectory(dir=file.parent) as folder, EmbeddedNats(Path(folder) / "nats") as nats:
        settings = Settings(
            data=Path(folder) / "data",
            database_url=url,
            nats_url=nats.url,
            contact_finder_url=providers_url,
            email_verifier_url=providers_url,
            notifier_url=providers_url,
            http_port=0,
            channel_rate_per_s=0,  # Peers keep no limit either.
        )
        configure_logs(settings.log_level, role="bench", file=settings.data / "logs" / "bench.log")
        with System(settings) as system, Stopwatch() as watch:
            with file.open("rb") as source:
                received = system.app.receive(source, profile_named("service-job"), file.name)
            _wait_for_all(system, received.batch_id, jobs)
        return Timed(jobs, watch.seconds)


def _wait_for_all(system: System, batch_id: str, jobs: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        row = system.app.queries.batch(batch_id)
        if row is not None and row.delivered == jobs:
            return
        time.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"not all of {jobs} jobs were delivered within {PATIENCE_S:.0f} s: {row}")
