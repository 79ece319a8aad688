"""The role processes: forked from a server that has everything imported, started again when they die."""

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, cast

import structlog

from dispatch.entrypoints.settings import Settings

log = structlog.get_logger(__name__)

PRELOADED = ["dispatch.entrypoints.supervisor.preloaded"]
PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 10.0
STEADY_AFTER_S = 30.0
"""A child that lived for so long is started again without a pause."""


@dataclass
class Child:
    """One process: what it runs, and how often it had to be started."""

    name: str
    target: Callable[..., None]
    arguments: tuple[Any, ...]
    process: ForkServerProcess | None = None
    ready: Connection | None = None
    words: dict[str, str] = field(default_factory=dict)  # What each role of it said when it was ready.
    starts: int = 0
    deaths: int = 0  # Soon after a start, one after the other.
    started_at: float = 0.0
    start_after: float = 0.0
    kill_at: float | None = None  # It was told to go, and is not started again.


class Children:
    """Keeps processes running until `stop`. Ask `pump` often: it hears who is ready and starts who has died.

    Ask from one thread at a time.
    """

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._children: dict[str, Child] = {}

    def warm_up(self) -> None:
        """Start the fork server, which imports everything meanwhile."""
        from multiprocessing import forkserver

        threading.Thread(target=forkserver.ensure_running, daemon=True).start()

    def add(self, name: str, target: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - handed on
        """Start a process that runs `target(*arguments, ready)`; `ready` takes (role, word) when it can work."""
        child = Child(name, target, arguments)
        self._children[name] = child
        self._start(child)

    def pump(self) -> None:
        """Hear what children say, and start those again that have died."""
        talking = {child.ready: child for child in self._children.values() if child.ready is not None}
        for connection in cast("list[Connection]", wait(list(talking), timeout=0.05)):
            child = talking[connection]
            try:
                role, word = connection.recv()
                child.words[role] = word
            except (EOFError, OSError):
                connection.close()
                child.ready = None
        for child in list(self._children.values()):
            if child.kill_at is None:
                self._revive(child)
            else:
                self._see_off(child, child.kill_at)

    def wait_ready(self, roles: set[tuple[str, str]], timeout_s: float) -> dict[str, str]:
        """Wait until these (child, role) pairs have said that they are ready; answers their words by role.

        Raises:
            TimeoutError: names who is not.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self.pump()
            said = {(child.name, role): word for child in self._children.values() for role, word in child.words.items()}
            if roles <= said.keys():
                return {role: said[name, role] for name, role in roles}
            if time.monotonic() > deadline:
                missing = ", ".join(sorted(f"{name} ({role})" for name, role in roles - said.keys()))
                raise TimeoutError(f"not ready after {timeout_s:.0f} s: {missing}")

    def pids(self) -> dict[str, int]:
        """The running processes by name."""
        running = ((child.name, child.process) for child in self._children.values())
        return {name: process.pid for name, process in running if process is not None and process.pid is not None}

    def restarts(self) -> int:
        """How often a process had to be started again."""
        return sum(child.starts - 1 for child in self._children.values())

    def retire(self, name: str, grace_s: float) -> None:
        """Tell a process to finish and go, without waiting for it; `pump` kills it when the time of grace is over."""
        child = self._children[name]
        child.kill_at = time.monotonic() + grace_s
        if child.process is not None:
            child.process.terminate()

    def staying(self) -> set[str]:
        """The names of those that are kept running."""
        return {name for name, child in self._children.items() if child.kill_at is None}

    def names(self) -> set[str]:
        """All names, also of those that are on their way out."""
        return set(self._children)

    def stop(self, names: list[str], grace_s: float) -> None:
        """Tell these processes to stop, all at once, and kill whoever is still there when the time of grace is over."""
        leaving = [child for name in names if (child := self._children.pop(name, None))]
        stopping = [child.process for child in leaving if child.process]
        for process in stopping:
            process.terminate()
        deadline = time.monotonic() + grace_s
        for process in stopping:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                log.warning("child.killed", child=process.name, after_s=grace_s)
                process.kill()
                process.join()
        for child in leaving:
            if child.ready is not None:
                child.ready.close()

    def stop_all(self, grace_s: float) -> None:
        """Stop everything; what others depend on, last."""
        self.stop([name for name in self._children if name != "simulator"], grace_s)
        self.stop(list(self._children), grace_s)

    def _see_off(self, child: Child, kill_at: float) -> None:
        process = child.process
        if process is not None and process.is_alive():
            if time.monotonic() < kill_at:
                return
            log.warning("child.killed", child=child.name)
            process.kill()
        if process is not None:
            process.join()
        if child.ready is not None:
            child.ready.close()
        log.info("child.retired", child=child.name)
        del self._children[child.name]

    def _start(self, child: Child) -> None:
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=child.target, args=(*child.arguments, sender), name=f"dispatch-{child.name}", daemon=True
        )
        try:
            process.start()
        finally:
            sender.close()
        if child.ready is not None:
            child.ready.close()
        child.process, child.ready, child.words = process, receiver, {}
        child.starts += 1
        child.started_at = time.monotonic()

    def _revive(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and not child.process.is_alive():
            code = child.process.exitcode
            child.deaths = 0 if now - child.started_at > STEADY_AFTER_S else min(child.deaths + 1, 100)
            pause_s = min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0 ** (child.deaths - 1)) if child.deaths else 0.0
            log.warning("child.died", child=child.name, of=_died_of(code), again_in_s=pause_s)
            child.process, child.start_after = None, now + pause_s
        if child.process is None and now >= child.start_after:
            self._start(child)


def _died_of(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"  # A real-time signal has no name.


def play_roles(roles: tuple[str, ...], settings: Settings, log_file: Path, ready: Connection) -> None:
    """What a role process runs."""
    from dispatch.entrypoints.roles.process import die_with_parent, run_process

    die_with_parent()
    run_process(roles, settings, log_file=log_file, on_ready=lambda role, word: ready.send((role, word)))


def play_simulator(scenario: str, port: int, receipts: dict[str, str], ready: Connection) -> None:
    """What the simulator's process runs. Raises OSError when the port was taken meanwhile."""
    from dispatch.adapters.providers.simulator import Simulator, changed, scenario_of
    from dispatch.entrypoints.roles.process import die_with_parent

    die_with_parent()
    simulator = Simulator(changed(scenario_of(scenario), receipts), port=port)
    ready.send(("simulator", simulator.base_url))
    simulator.run()
