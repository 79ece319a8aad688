"""The second process of an import, and what is said to it: tasks and items go there, answers come back, by one socket.

Both ends block when the other is behind, so no more than a few items are ever under way. When this process dies the
other sees the end of the socket and ends as well, wherever it is.
"""

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, TypeVar, cast

from dispatch.application.ports.assistant import AssistantGone
from dispatch.application.ports.ledger import EventLedger

A = TypeVar("A")
T = TypeVar("T")
Task = Callable[[EventLedger, Iterator[A]], Iterator[T]]

BUFFER_BYTES = 1 << 22
"""As much as the system allows: an answer lies there while nobody takes it."""


class _End(NamedTuple):
    """There is no more; `error` says why, where it is not simply over."""

    error: Exception | None = None


class ProcessAssistant:
    """Implements the port `Assistant` by a process that is started when it is first asked, and then kept."""

    def __init__(self, command: Sequence[str], opening: object) -> None:
        """`command` gets the number of a file descriptor as its last argument; there it is sent `opening` first."""
        self._command, self._opening = command, opening
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._busy = threading.Lock()

    @contextmanager
    def work(self, task: Task[A, T], items: Iterable[A] = ()) -> Iterator[Iterator[T]]:
        with self._busy:
            connection = self._connected()
            feeder = _Feeder(connection, task, items)
            answers: _Answers[T] = _Answers(connection, feeder)
            try:
                yield answers
            finally:
                if not answers.are_complete:
                    self.close()
                feeder.join()

    def close(self) -> None:
        """End the process, whatever it is at."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if process is not None:
            process.kill()
            process.wait()
        if connection is not None:
            connection.close()

    def _connected(self) -> Connection:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._connection is None:
            here, there = socket.socketpair()
            for end in (here, there):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            with there:
                command = [sys.executable, *self._command, str(there.fileno())]
                self._process = subprocess.Popen(command, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL)
            self._connection = Connection(here.detach())
            self._connection.send(self._opening)
        return self._connection


class _Feeder(threading.Thread):
    """Sends a task and its items: while these wait for room on the way, answers are taken."""

    def __init__(self, connection: Connection, task: Task[A, T], items: Iterable[A]) -> None:
        super().__init__(name="feed-assistant", daemon=True)
        self._connection, self._task, self._items = connection, task, items
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        """Ends when everything is sent, or when nobody is there any more."""
        with suppress(OSError):
            self._connection.send(self._task)
            try:
                for item in self._items:
                    self._connection.send(item)
            except OSError:
                raise
            except Exception as error:
                self.error = error
            self._connection.send(_End(self.error and AssistantGone("its items broke off")))


class _Answers(Iterator[T]):
    def __init__(self, connection: Connection, feeder: _Feeder) -> None:
        self._connection, self._feeder = connection, feeder
        self.are_complete = False

    def __next__(self) -> T:
        if self.are_complete:
            raise StopIteration
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise AssistantGone("the second process of the import has died") from error
        if not isinstance(answer, _End):
            return cast("T", answer)
        if answer.error is None:
            self.are_complete = True
            raise StopIteration
        raise self._feeder.error or answer.error


def serve(connection: Connection, ledger: EventLedger) -> None:
    """What the second process does, until the first one leaves it or a task fails."""
    threading.Thread(target=_end_with, args=(connection.fileno(),), name="end-with-starter", daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            task, items = connection.recv(), _items(connection)
            try:
                for answer in task(ledger, items):
                    connection.send(answer)
                for _ in items:
                    pass  # What the task did not want to see.
            except (EOFError, OSError):
                raise
            except Exception as error:
                connection.send(_End(_portable(error)))
                return
            connection.send(_End())


def _end_with(descriptor: int) -> None:
    """Wait until the other end is closed, and end this process, whatever it is at."""
    watch = select.poll()
    watch.register(descriptor, 0)  # That is told in any case.
    watch.poll()
    os._exit(0)


def _items(connection: Connection) -> Iterator[Any]:
    while not isinstance(item := connection.recv(), _End):
        yield item
    if item.error:
        raise item.error


def _portable(error: Exception) -> Exception:
    """The same error where it can travel, else its name alone: its words may hold what it stumbled over."""
    try:
        return copy(error)  # It is made anew as it will be over there.
    except Exception:
        return RuntimeError(type(error).__name__)
