"""A running `dispatch up`, as a user starts it: a process of its own on a data folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.settings import load_settings, read_runtime

DISPATCH = [sys.executable, "-m", "dispatch.entrypoints.cli.main"]
WITHIN_S = 60.0

T = TypeVar("T")


def dispatch(*arguments: str, timeout_s: float = WITHIN_S) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*DISPATCH, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False, env=environment()
    )


def environment(**settings: str) -> dict[str, str]:
    """The environment of a user who has set nothing but these settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DISPATCH_")}
    return clean | {f"DISPATCH_{name.upper()}": value for name, value in settings.items()}


class Up:
    """`dispatch up` on a data folder, ready for work."""

    def __init__(self, data: Path, *arguments: str, **settings: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [*DISPATCH, "up", "--data", str(data), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(**settings),
        )
        self.note = eventually(self._note, bool)

    @contextmanager
    def app(self) -> Iterator[App]:
        """The use cases and queries on the running system."""
        app = open_app(load_settings(environment(), {"data": self.data}).settings)
        try:
            yield app
        finally:
            app.close()

    def kill(self, child: str) -> None:
        """kill -9 one of its processes."""
        os.kill(self.note["pids"][child], signal.SIGKILL)

    def kill_pid(self, pid: int) -> None:
        """kill -9 the process of this id, which may have been started since the note was written."""
        os.kill(pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """kill -9 the supervisor itself: everything it started must end by itself."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str, float]:
        """Ctrl-C; answers exit code, output, and how many seconds the stop took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=WITHIN_S)
        return self.process.returncode, output, time.monotonic() - started

    def _note(self) -> dict[str, object]:
        if self.process.poll() is not None:
            raise AssertionError(f"dispatch up ended with {self.process.returncode}: {self.process.communicate()[0]}")
        return read_runtime(self.data)


@contextmanager
def up(data: Path, *arguments: str, **settings: str) -> Iterator[Up]:
    """A running system, stopped at the end whatever happened."""
    running = Up(data, *arguments, **settings)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            try:
                running.process.communicate(timeout=WITHIN_S)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.communicate()


def eventually(ask: Callable[[], T], good: Callable[[T], bool], within_s: float = WITHIN_S) -> T:
    """Ask until the answer is good. Fails with the last answer."""
    deadline = time.monotonic() + within_s
    while True:
        answer = ask()
        if good(answer):
            return answer
        assert time.monotonic() < deadline, f"still after {within_s:.0f} s: {answer!r}"
        time.sleep(0.05)


def stats(simulator_url: str) -> dict[str, int]:
    """What the provider simulator has counted."""
    import urllib.request

    with urllib.request.urlopen(f"{simulator_url}/stats", timeout=10) as answer:  # noqa: S310 - our own loopback server
        return msgspec.json.decode(answer.read())


def change(simulator_url: str, **fields: object) -> None:
    """The simulator behaves so from now on: fields of its scenario."""
    answer = httpx.post(f"{simulator_url}/scenario", json=fields)
    assert answer.status_code == 200, answer.text


def make_jobs_file(path: Path, rows: int) -> Path:
    """So many rows of service jobs, one in fifty of them bad."""
    maker = Path(__file__).parents[2] / "tools" / "make_sample.py"
    subprocess.run([sys.executable, maker, "--rows", str(rows), "--bad", "0.02", "--out", path], check=True)
    return path


@contextmanager
def simulated(latency_ms: int, **fields: object) -> Iterator[str]:
    """Calm providers that outlive the system, so that they remember what they were asked; answers their URL.

    `fields` are changed in the scenario.
    """
    command = [sys.executable, "-m", "dispatch.adapters.providers.simulator", "--port", "0", "--scenario", "calm"]
    changes = [f"--set={name}={value}" for name, value in {"latency_ms": latency_ms, **fields}.items()]
    process = subprocess.Popen([*command, *changes], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.communicate()
