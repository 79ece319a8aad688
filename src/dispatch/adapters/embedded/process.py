"""A server as a foreground child process that dies with its parent, also after `kill -9` of the parent."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep

from dispatch.adapters.embedded import child
from dispatch.adapters.embedded.errors import EmbeddedServerError, ServerStoppedEarly

LOG_BYTES_MAX = 16 * 1024 * 1024
_LOG_TAIL_LINES = 20

_NAMESPACE_REFUSED = """\
{name} refuses to run as root, and this machine does not allow the user namespace that lets dispatch start it: {why}.
Do one of these:
  - run dispatch as an ordinary user (in a container: --user 1000:1000)
  - allow user namespaces (sysctl user.max_user_namespaces=15000, kernel.unprivileged_userns_clone=1; \
Docker: --security-opt seccomp=unconfined)
  - use a Postgres server of your own and give dispatch its URL"""

_Answer = queue.SimpleQueue[subprocess.Popen[bytes] | BaseException]


class _Launcher:
    """One thread that starts every child and never ends: the kernel counts the thread that forked as the parent, so a
    child started from a short-lived thread would be signalled as soon as that thread returns."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], _Answer]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def spawn(self, make: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():  # Also after a fork, which copies no thread.
                self._thread = threading.Thread(target=self._work, name="embedded-launcher", daemon=True)
                self._thread.start()
        answer: _Answer = queue.SimpleQueue()
        self._orders.put((make, answer))
        result = answer.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def _work(self) -> None:
        while True:
            make, answer = self._orders.get()
            try:
                answer.put(make())
            except BaseException as error:  # It belongs to the caller, who raises it.
                answer.put(error)


_launcher = _Launcher()


class ServerProcess:
    """A running child with its log file.

    It has a session of its own, so that Ctrl-C reaches only dispatch, which then stops its servers in order.
    `parent_death` is the signal that the kernel sends to it when our process ends in whatever way.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        parent_death: signal.Signals,
        refuses_root: bool = False,
        keep_open: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if sys.platform != "linux":
            raise EmbeddedServerError(
                f"The embedded {name} runs on Linux only: on {sys.platform} it could outlive dispatch. "
                f"Start a {name} server of your own and give dispatch its URL."
            )
        self.name = name
        self.log = log
        namespace = refuses_root and os.geteuid() == 0
        arguments = [
            sys.executable,
            "-I",
            "-S",
            child.__file__,
            int(parent_death),
            os.getpid(),
            int(namespace),
            *command,
        ]
        _rotate(log)
        with log.open("ab") as log_file:
            self._log_start = log_file.tell()
            self._process = _launcher.spawn(
                lambda: subprocess.Popen(
                    [str(argument) for argument in arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log_file,
                    stderr=log_file,
                    start_new_session=True,
                    pass_fds=keep_open,
                    env=environment,
                )
            )
        self.pid = self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None

    def await_until(self, ready: Callable[[], bool], *, limit_s: float) -> None:
        """Return once `ready()`.

        Raises ServerStoppedEarly when the process ends first, EmbeddedServerError after `limit_s`.
        """
        deadline = monotonic() + limit_s
        pause_s = 0.002
        while not ready():
            if not self.running():
                raise self._stopped_early()
            if monotonic() > deadline:
                raise EmbeddedServerError(
                    f"{self.name} (pid {self.pid}) was not ready after {limit_s:g} s. "
                    f"The end of {self.log}:\n{self.log_tail()}"
                )
            sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.1)

    def await_exit(self, *, limit_s: float) -> None:
        """Return once the process has ended with success.

        Raises ServerStoppedEarly for another exit code, EmbeddedServerError after `limit_s`; it is then killed.
        """
        try:
            code = self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise EmbeddedServerError(f"{self.name} took longer than {limit_s:g} s; see {self.log}") from None
        if code != 0:
            raise self._stopped_early()

    def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send each signal in turn and give the process its seconds; SIGKILL after the last one."""
        for number, patience_s in steps:
            if not self.running():
                return
            self._process.send_signal(number)
            try:
                self._process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue
        self._process.kill()
        self._process.wait()

    def log_tail(self) -> str:
        """The last lines that this process wrote."""
        with self.log.open("rb") as log_file:
            log_file.seek(self._log_start)
            lines = log_file.read().decode(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_LOG_TAIL_LINES:])

    def _stopped_early(self) -> EmbeddedServerError:
        code = self._process.wait()
        if code == child.NOT_PERMITTED:
            return EmbeddedServerError(_NAMESPACE_REFUSED.format(name=self.name, why=self.log_tail().strip()))
        ended = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return ServerStoppedEarly(
            f"{self.name} ended {ended} before it was ready. The end of {self.log}:\n{self.log_tail()}"
        )


def _rotate(log: Path) -> None:
    """Keep one older log, so that a folder in use for years stays small."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))
