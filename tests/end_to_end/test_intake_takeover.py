"""Several intake processes on one database: none starves, none does twice what another did, kill -9 costs seconds."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from dispatch.adapters.embedded.nats import EmbeddedNats
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.domain.batch.events import BatchAdmitted, ChunkAdmitted
from dispatch.domain.batch.state import BatchStatus
from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.settings import Settings
from end_to_end.running import DISPATCH, environment, eventually
from end_to_end.test_split import running
from servers import application_url

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(180)]

HEADER = "reference,service,price,customer_name,phone,email,postcode,lawful_basis,sale_ref\n"
LARGE = 60_000
TAKEN_OVER_WITHIN_S = 20.0
"""Five seconds of lease, then judging up to where the other had come; the rest is for a busy machine."""


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    settings = Settings(
        data=tmp_path / "data", database_url=application_url(database_url), database_owner_url=database_url
    )
    app = open_app(settings)
    app.migrate()
    yield app
    app.close()


@pytest.fixture
def start(
    tmp_path: Path, database_url: str, fresh_nats: EmbeddedNats
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that plays these roles; without a relay nothing but the views says what is to be done."""
    environ = environment(
        data=str(tmp_path / "data"), database_url=application_url(database_url), nats_url=fresh_nats.url
    )
    with ExitStack() as stack:

        def start_roles(*roles: str, name: str = "") -> subprocess.Popen[str]:
            log = tmp_path / f"{name or '-'.join(roles)}.log"
            return stack.enter_context(running([*DISPATCH, "run", *roles], environ, log))

        yield start_roles


def receive(app: App, folder: Path, name: str, rows: int) -> str:
    path = folder / name
    row = f"{name}-{{}},boiler service,85.00,Ann Example,07700 900123,,LS1 4AP,contract,S-1\n"
    path.write_text(HEADER + "".join(map(row.format, range(rows))))
    with path.open("rb") as file:
        return app.receive(file, SERVICE_JOB, name).batch_id


def chunks(app: App, batch_id: str) -> list[ChunkAdmitted]:
    return [event for event in app.ledger.load(batch_id).events if isinstance(event, ChunkAdmitted)]


def has_ended(app: App, batch_id: str) -> bool:
    return isinstance(app.ledger.load(batch_id).events[-1], BatchAdmitted)


def admission_ended(app: App, batch_id: str) -> datetime:
    [ended] = [event.at for event in app.ledger.load(batch_id).events if isinstance(event, BatchAdmitted)]
    return ended


def admitted(app: App, *batch_ids: str, within_s: float = 90) -> None:
    for batch_id in batch_ids:
        eventually(
            lambda batch_id=batch_id: app.queries.batch(batch_id),
            lambda row: row is not None and row.status is BatchStatus.PROCESSING,
            within_s,
        )


@pytest.mark.acceptance(
    "1.56", part="kill -9 of an intake process: another one goes on within seconds, nothing twice, without JetStream"
)
def test_a_batch_whose_worker_was_killed_is_taken_over(app: App, start, tmp_path: Path):
    batch_id = receive(app, tmp_path, "large", LARGE)
    start("projector")
    first = start("intake", name="first")
    eventually(lambda: chunks(app, batch_id), bool)
    first.send_signal(signal.SIGKILL)
    first.wait()
    killed_at, before = time.monotonic(), len(chunks(app, batch_id))
    assert before * 10_000 < LARGE, "the file is too small to be killed in the middle"
    start("intake", name="second")
    eventually(lambda: len(chunks(app, batch_id)), lambda count: count > before, TAKEN_OVER_WITHIN_S)
    took_s = time.monotonic() - killed_at
    admitted(app, batch_id)
    assert took_s < TAKEN_OVER_WITHIN_S
    last = [event for event in app.ledger.load(batch_id).events if isinstance(event, BatchAdmitted)]
    assert [event.jobs for event in last] == [LARGE]
    assert sum(chunk.jobs for chunk in chunks(app, batch_id)) == LARGE
    assert app.queries.job_totals().running == LARGE


@pytest.mark.acceptance("1.56", part="a small file is not stuck behind a large one")
def test_one_worker_serves_a_small_file_between_the_chunks_of_a_large_one(app: App, start, tmp_path: Path):
    large = receive(app, tmp_path, "large", 4 * LARGE)
    start("projector", "relay")
    start("intake")
    eventually(lambda: chunks(app, large), bool)
    small = receive(app, tmp_path, "small", 50)
    for batch_id in (small, large):
        eventually(
            lambda batch_id=batch_id: app.ledger.load(batch_id).events[-1],
            lambda last: isinstance(last, BatchAdmitted),
            90,
        )
    assert admission_ended(app, small) < admission_ended(app, large)


@pytest.mark.acceptance("1.56", part="several batches at once on several processes, each row once")
def test_several_workers_share_many_batches(app: App, start, tmp_path: Path):
    batch_ids = [receive(app, tmp_path, f"file{number}", 2_000) for number in range(8)]
    start("projector")
    for number in (1, 2, 3):
        start("intake", name=f"intake-{number}")
    admitted(app, *batch_ids)
    assert app.queries.job_totals().running == 16_000
    assert [len(chunks(app, batch_id)) for batch_id in batch_ids] == [1] * 8
