"""docs/tutorial.md is what happens: its commands run in order, and what it shows is there."""

import time
from pathlib import Path

import pytest

from end_to_end.pages import CTRL_C, STAYS, fits, play, steps
from end_to_end.running import environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like that of the repository, without its data."""
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    return tmp_path


def test_the_tutorial_shows_what_happens(folder: Path):
    started = time.monotonic()
    play(TUTORIAL, folder, environment(http_port="0", work_ack_wait_s="3"))  # Nobody waits for half a minute.
    assert not (folder / ".data" / "runtime.json").exists()
    assert time.monotonic() - started < 15 * 60  # It says fifteen minutes.


def test_every_block_of_the_tutorial_is_understood():
    found = list(steps(TUTORIAL.read_text(encoding="utf-8")))
    assert [step.file for step in found if step.file] == ["jobs.csv", "fixed.csv"]
    assert [step.line for step in found if not step.what] == []
    commands = [step.what for step in found if not step.file]
    assert commands[0].startswith(STAYS)
    assert commands[-1] == CTRL_C
    assert len(commands) > 15


@pytest.mark.parametrize(
    ("expected", "output", "good"),
    [
        ("rows 500 ... delivered", " rows   500\n \n delivered  440", True),
        ("b ... a", "a b", False),
        ("rejected 20", "rejected 21", False),
        ("", "anything", True),
    ],
)
def test_what_fits(expected: str, output: str, good: bool):
    assert fits(expected, output) is good
