"""Pages of the documents, played as they are read: files saved, commands run in order, and what is shown is there."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from end_to_end.running import WITHIN_S

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
        self._reader.join(WITHIN_S)  # It shows no more once it has ended.

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


def play(
    page: Path, folder: Path, environ: dict[str, str], command_of: Callable[[str], str] = lambda command: command
) -> None:
    """Do what a page says, in this folder; `command_of` adapts a command, such as its port.

    Raises AssertionError: something else was shown.
    """
    environ = environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    first: Terminal | None = None
    try:
        for step in steps(page.read_text(encoding="utf-8")):
            if step.file:
                (folder / step.file).write_text(step.what, encoding="utf-8")
                continue
            command = command_of(step.what)
            if command.startswith(STAYS):
                first = Terminal(command, folder, environ)
                output = first.await_output(step.expected)
            elif command == CTRL_C:
                assert first is not None
                first.ctrl_c()
                output = first.await_output(step.expected)
            else:
                done = subprocess.run(
                    ["bash", "-c", command], cwd=folder, env=environ, text=True, encoding="utf-8",
                    capture_output=True, timeout=90, check=False,
                )  # fmt: skip
                output = done.stdout + done.stderr  # Progress is on stderr; a terminal takes it away again.
            where = f"{page.name}, line {step.line}: {command}"
            assert fits(step.expected, output), f"{where}\nexpected:\n{step.expected}\n\nshown:\n{output}"
    finally:
        if first is not None:
            first.close()
