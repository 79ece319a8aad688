"""`dispatch smoke e2e` against an API whose other roles do not run: what failed, and what could not begin."""

import asyncio
import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from click.testing import CliRunner
from http_door import Door

from dispatch.adapters.smoke import end_to_end
from dispatch.adapters.smoke.files import BAD, ROWS, bad_file, good_file
from dispatch.application.intake.judge import judge
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.smoke import NotSetUp
from dispatch.entrypoints.cli.main import dispatch

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(end_to_end, "POLL_EVERY_S", 0.05)


async def smoke(url: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command in a thread, for the server has the event loop; answers its exit code and its JSON."""
    asked = ["smoke", "e2e", "--url", url, "--json", *arguments]
    done = await asyncio.to_thread(CliRunner().invoke, dispatch, asked, prog_name="dispatch")
    return done.exit_code, msgspec.json.decode(done.stdout.splitlines()[-1])  # Behind what the server has logged.


def leftovers() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("dispatch-smoke-*"))


@pytest.mark.acceptance("1.46", part="exit code 2 when nothing answers")
async def test_nothing_answers():
    code, answer = await smoke("http://127.0.0.1:1")
    assert code == 2
    assert answer["error"]["code"] == "smoke_not_set_up"
    assert "nothing that can be tested answers there" in answer["error"]["what"]
    assert (await smoke("127.0.0.1"))[0] == 2


@pytest.mark.acceptance("1.46", part="exit code 2 when the views stand still")
async def test_views_that_stand_still(own_door: Door):
    """Nobody projects: of the batch nothing would ever be seen."""
    code, answer = await smoke(own_door.url, "--timeout", "1")
    assert code == 2
    assert "the views are 1 events behind and do not move" in answer["error"]["what"]


@pytest.mark.acceptance("1.46", part="exit code 1 when a case fails")
async def test_nobody_judges(own_door: Door):
    """Views follow, but no batch is taken in: all cases fail, and nothing of the test's files stays."""
    done = asyncio.Event()

    async def follow() -> None:
        while not done.is_set():
            await asyncio.to_thread(own_door.app.projector.step)
            await asyncio.sleep(0.02)

    following, before = asyncio.create_task(follow()), leftovers()
    try:
        code, answer = await smoke(own_door.url, "--timeout", "1")
    finally:
        done.set()
        await following
    assert (code, answer["passed"], answer["left"]) == (1, 0, "")
    assert {case["name"]: case["says"] for case in answer["cases"]} == {
        "happy path": "still uploaded after 1 s",
        "idempotency": "there are 0 jobs of 10 rows",
        "quality": "still uploaded after 1 s",
    }
    assert leftovers() <= before


async def test_a_system_that_is_not_ready(own_door: Door, database_url: str):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE public.alembic_version SET version_num = '0001'")
    code, answer = await smoke(own_door.url)
    assert code == 2
    assert "not ready" in answer["error"]["what"]


def test_without_a_place_for_its_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(NotSetUp, match="the files of the test"), end_to_end.open_end_to_end("http://127.0.0.1:1"):
        pass


@pytest.mark.acceptance("1.45", part="good and bad files, new each time and for nobody real")
def test_the_files(tmp_path: Path):
    path = tmp_path / "file.csv"
    path.write_bytes(good_file("A1"))
    assert judge(path, SERVICE_JOB).accepted == ROWS
    path.write_bytes(bad_file("A1"))
    found = judge(path, SERVICE_JOB)
    assert (found.rejected, found.errors_by_code) == (BAD, {"invalid_money": BAD})
    assert good_file("A1") != good_file("A2")
    rows = list(csv.DictReader(io.StringIO(good_file("A1").decode())))
    assert all(row["phone"].startswith("07700 900") for row in rows)
    assert all(row["email"].endswith("@example.org") for row in rows)
    assert len({row["reference"] for row in rows}) == ROWS
