"""The sources role: looks when it is time, one process of several, and outlives what it cannot reach."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dispatch.adapters.sources import folders
from dispatch.application.sources.desk import NewSource
from dispatch.domain.source.events import SourceKind
from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.roles import sources as role
from dispatch.entrypoints.roles.context import RoleContext
from dispatch.entrypoints.settings import Settings
from servers import application_url
from web_files import web_files

pytestmark = pytest.mark.postgres
ROWS = "reference,service,price,customer_name,postcode\nJ-{},eicr,85.00,Ann Example,LS1 4AP\n"


@pytest.fixture
def app(database_url: str, tmp_path: Path, monkeypatch) -> Iterator[App]:
    monkeypatch.setattr(role, "TICK_S", 0.05)
    monkeypatch.setattr(folders, "SETTLED_AFTER_S", 0.05)
    (tmp_path / "in").mkdir()
    opened = open_app(
        Settings(
            data=tmp_path / "data",
            database_url=application_url(database_url),
            database_owner_url=database_url,
            source_folders=str(tmp_path / "in"),
            source_private_hosts="127.0.0.1",
        )
    )
    opened.migrate()
    yield opened
    opened.close()


def playing(app: App, stop: asyncio.Event) -> asyncio.Task[None]:
    """The role needs no NATS: the context's other members stay away."""
    context = RoleContext(app, None, None, stop, lambda word: None)  # type: ignore[arg-type]
    return asyncio.create_task(role.run(context))


async def until(true: Callable[[], object], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not await asyncio.to_thread(true):
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.02)


def project(app: App) -> None:
    while app.projector.step():
        pass


def received(app: App) -> list[str]:
    project(app)
    return sorted(batch.file_name for batch in app.queries.batches())


@pytest.mark.acceptance("1.56", part="several processes that watch sources take each file once")
@pytest.mark.acceptance("1.58", part="by itself, at every interval")
async def test_two_watchers_take_what_comes_once(app: App, tmp_path: Path):
    inbox = tmp_path / "in"
    app.sources.add(NewSource(name="letters", kind=SourceKind.FOLDER, location=str(inbox), every_s=1), "ann")
    stop = asyncio.Event()
    with web_files() as web, capture_logs() as logs:
        web.files["/jobs.csv"] = ROWS.format("W1").encode()
        location = f"{web.url}/jobs.csv"
        app.sources.add(NewSource(name="crm", kind=SourceKind.HTTP, location=location, every_s=1), "ann")
        tasks = [playing(app, stop), playing(app, stop)]
        (inbox / "a.csv").write_text(ROWS.format("A1"))
        await until(lambda: received(app) == ["a.csv", "jobs.csv"])
        web.files["/jobs.csv"] = ROWS.format("W2").encode()
        (inbox / "b.csv").write_text(ROWS.format("B1"))
        await until(lambda: received(app) == ["a.csv", "b.csv", "jobs.csv", "jobs.csv"])
        await until(lambda: not list(inbox.glob("*.csv")))
        stop.set()
        await asyncio.gather(*tasks)
    assert len([line for line in logs if line["event"] == "leadership.taken"]) == 1
    rows = {row.name: row for row in app.queries.sources()}
    assert (rows["letters"].batches, rows["crm"].batches) == (2, 2)


async def test_a_server_that_answers_nothing_holds_up_no_folder(app: App, tmp_path: Path):
    inbox = tmp_path / "in"
    asked: list[asyncio.StreamWriter] = []

    async def never_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(writer)

    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    app.sources.add(NewSource(name="slow", kind=SourceKind.HTTP, location=f"http://127.0.0.1:{port}/"), "ann")
    stop = asyncio.Event()
    project(app)
    task = playing(app, stop)
    await until(lambda: asked)
    app.sources.add(NewSource(name="letters", kind=SourceKind.FOLDER, location=str(inbox), every_s=1), "ann")
    (inbox / "a.csv").write_text(ROWS.format("A1"))
    await until(lambda: received(app) == ["a.csv"])
    stop.set()
    silent.close()
    for writer in asked:
        writer.transport.abort()
    await task
