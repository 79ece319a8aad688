"""docs/tutorial.md is what happens: its commands run in order, and what it shows is there."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from end_to_end.running import WITHIN_S, environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(console|csv) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STAYS = "dispatch up"
CTRL_C = "^C"


class Step(NamedTuple):
    """A file to be saved, a command with what it shows, or Ctrl-C in the first terminal."""

    line: int
    what: str
    expected: str = ""
    file: str = ""


def steps(text: str) -> Iterator[Step]:
    """The tutorial's blocks in order: `csv NAME` is a file, `console` holds `$ command` lines and their output."""
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        kind, name, body = block.groups()
        if kind == "csv":
            yield Step(line, body, file=name)
            continue
        what, at, expected = "", line, list[str]()
        for number, shown in enumerate(body.splitlines(), line):
            if shown.startswith("$ ") or shown == CTRL_C:
                if what:
                    yield Step(at, what, "\n".join(expected))
                what, at, expected = shown.removeprefix("$ "), number, []
            else:
                expected.append(shown)
        yield Step(at, what, "\n".join(expected))


def fits(expected: str, output: str) -> bool:
    """Is every part between `...` there, in this order? White space and rules count for nothing: tables adapt."""
    parts = [re.escape(" ".join(part.split())) for part in expected.split("...")]
    return re.search(".*?".join(parts), " ".join(output.replace("─", " ").split())) is not None


class Terminal:
    """The first terminal, in which `dispatch up` stays: what it has shown so far, and Ctrl-C."""

    def __init__(self, command: str, folder: Path, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "-c", command], cwd=folder, env=environ, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._shown: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def await_output(self, expected: str) -> str:
        """Wait until this was shown, or nothing more comes; answers everything shown."""
        with self._changed:
            self._changed.wait_for(lambda: fits(expected, self.output()) or not self._reader.is_alive(), WITHIN_S)
            return self.output()

    def output(self) -> str:
        return "".join(self._shown)

    def ctrl_c(self) -> None:
        os.killpg(self._process.pid, signal.SIGINT)

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._shown.append(line)
                self._changed.notify_all()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like that of the repository, without its data."""
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    return tmp_path


def test_the_tutorial_shows_what_happens(folder: Path):
    environ = environment(http_port="0", work_ack_wait_s="3")  # Others may use 8080; nobody waits for half a minute.
    environ |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    first: Terminal | None = None
    started = time.monotonic()
    try:
        for step in steps(TUTORIAL.read_text(encoding="utf-8")):
            where = f"docs/tutorial.md, line {step.line}: {step.what}"
            if step.file:
                (folder / step.file).write_text(step.what, encoding="utf-8")
                continue
            if step.what.startswith(STAYS):
                first = Terminal(step.what, folder, environ)
                output = first.await_output(step.expected)
            elif step.what == CTRL_C:
                assert first is not None
                first.ctrl_c()
                output = first.await_output(step.expected)
            else:
                done = subprocess.run(
                    ["bash", "-c", step.what], cwd=folder, env=environ, text=True, encoding="utf-8",
                    capture_output=True, timeout=90, check=False,
                )  # fmt: skip
                output = done.stdout + done.stderr  # Progress is on stderr; a terminal takes it away again.
            assert fits(step.expected, output), f"{where}\nexpected:\n{step.expected}\n\nshown:\n{output}"
    finally:
        if first is not None:
            first.close()
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
