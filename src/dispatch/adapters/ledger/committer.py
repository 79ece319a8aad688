"""Group commit: appends that wait at the same moment share one transaction, and so one fsync."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from dispatch.adapters.ledger.framing import Framed
from dispatch.application.ports.ledger import LedgerUnavailable, VersionConflict

Answer = range | VersionConflict
Record = Callable[[Sequence[Framed]], list[list[Answer]]]

EVENTS_MAX = 5_000
BYTES_MAX = 16 * 1024 * 1024
"""No more than this shares a transaction, so that the lock is never held for long."""


class _Request:
    """One caller's appends and where the answer goes."""

    __slots__ = ("framed", "future", "loop")

    def __init__(
        self,
        framed: Framed,
        future: "Future[list[Answer]] | asyncio.Future[list[Answer]]",
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.framed, self.future, self.loop = framed, future, loop


Outcome = tuple[_Request, list[Answer] | Exception]


class GroupCommitter:
    """One thread that records whatever is waiting, in one transaction, as often as it can; no artificial delay.

    Two appends to one stream never share a transaction: the later waits, so its version check sees the earlier.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._waiting: list[_Request] = []
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, framed: Framed) -> list[Answer]:
        """Record and wait, from a thread. Raises LedgerUnavailable."""
        future: Future[list[Answer]] = Future()
        self._enqueue(_Request(framed, future, None))
        return future.result()

    async def submit_async(self, framed: Framed) -> list[Answer]:
        """Record and wait, from a coroutine. Raises LedgerUnavailable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Answer]] = loop.create_future()
        self._enqueue(_Request(framed, future, loop))
        return await future

    def close(self) -> None:
        """Record what waits, then stop."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def _enqueue(self, request: _Request) -> None:
        with self._wake:
            if self._closed:
                raise LedgerUnavailable("the ledger is closed")
            self._waiting.append(request)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()
            elif len(self._waiting) == 1:
                self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closed:
                    self._wake.wait()
                if not self._waiting:
                    return
                group, self._waiting = take_group(self._waiting)
            _deliver(self._commit(group))

    def _commit(self, group: list[_Request]) -> list[Outcome]:
        try:
            answers = self._record([request.framed for request in group])
        except LedgerUnavailable as unavailable:
            return [(request, LedgerUnavailable(str(unavailable))) for request in group]
        except Exception as error:
            if len(group) == 1:
                return [(group[0], error)]  # Whatever is wrong, it belongs to the caller that waits.
            return [outcome for request in group for outcome in self._commit([request])]
        return list(zip(group, answers, strict=True))


def take_group(waiting: list[_Request]) -> tuple[list[_Request], list[_Request]]:
    """The requests that may share the next transaction, and those that must wait; order is kept per stream."""
    group: list[_Request] = []
    later: list[_Request] = []
    streams: set[bytes] = set()
    events = size_bytes = 0
    for place, request in enumerate(waiting):
        framed = request.framed
        events += framed.events
        size_bytes += framed.size_bytes
        if group and (events > EVENTS_MAX or size_bytes > BYTES_MAX):
            return group, later + waiting[place:]
        (group if streams.isdisjoint(framed.streams) else later).append(request)
        streams.update(framed.streams)  # Those that wait block their streams too.
    return group, later


def _deliver(outcomes: list[Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for request, outcome in outcomes:
        if request.loop is None:
            _settle(request, outcome)
        else:
            by_loop.setdefault(request.loop, []).append((request, outcome))
    for loop, ready in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, ready)  # One wake-up for all of them.
        except RuntimeError:  # The loop was closed, with nobody left to be told.
            continue


def _settle_all(ready: list[Outcome]) -> None:
    for request, outcome in ready:
        _settle(request, outcome)


def _settle(request: _Request, outcome: list[Answer] | Exception) -> None:
    if request.future.done():  # A coroutine that was cancelled waits no more.
        return
    if isinstance(outcome, Exception):
        request.future.set_exception(outcome)
    else:
        request.future.set_result(outcome)
