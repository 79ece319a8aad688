"""Group commit: appends that wait at the same moment share one transaction, and so one fsync."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from dispatch.application.ports.ledger import Append, LedgerUnavailable, VersionConflict

Answer = range | VersionConflict
Record = Callable[[list[Append]], list[Answer]]

EVENTS_MAX = 5_000
"""No more events than this share a transaction, so that the lock is never held for long."""


class _Request:
    """One caller's appends and where the answer goes."""

    __slots__ = ("appends", "future", "loop")

    def __init__(
        self,
        appends: Sequence[Append],
        future: "Future[list[Answer]] | asyncio.Future[list[Answer]]",
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.appends, self.future, self.loop = appends, future, loop


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

    def submit(self, appends: Sequence[Append]) -> list[Answer]:
        """Record and wait, from a thread. Raises LedgerUnavailable."""
        future: Future[list[Answer]] = Future()
        self._enqueue(_Request(appends, future, None))
        return future.result()

    async def submit_async(self, appends: Sequence[Append]) -> list[Answer]:
        """Record and wait, from a coroutine. Raises LedgerUnavailable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Answer]] = loop.create_future()
        self._enqueue(_Request(appends, future, loop))
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
            self._commit(group)

    def _commit(self, group: list[_Request]) -> None:
        outcomes: list[tuple[_Request, list[Answer] | Exception]]
        try:
            answers = self._record([append for request in group for append in request.appends])
        except Exception as error:  # Whatever happened belongs to the callers that wait.
            outcomes = [(request, error) for request in group]
        else:
            outcomes, start = [], 0
            for request in group:
                outcomes.append((request, answers[start : start + len(request.appends)]))
                start += len(request.appends)
        _deliver(outcomes)


def take_group(waiting: list[_Request]) -> tuple[list[_Request], list[_Request]]:
    """The requests that may share the next transaction, and those that must wait; order is kept per stream."""
    group: list[_Request] = []
    later: list[_Request] = []
    streams: set[str] = set()
    events = 0
    for request in waiting:
        wanted = {append.stream for append in request.appends}
        events += sum(len(append.events) for append in request.appends)
        if streams.isdisjoint(wanted) and (events <= EVENTS_MAX or not group):
            group.append(request)
        else:
            later.append(request)
        streams |= wanted  # Those that wait block their streams too.
    return group, later


def _deliver(outcomes: list[tuple[_Request, list[Answer] | Exception]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Request, list[Answer] | Exception]]] = {}
    for request, outcome in outcomes:
        if request.loop is None:
            _settle(request, outcome)
        else:
            by_loop.setdefault(request.loop, []).append((request, outcome))
    for loop, ready in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle_all, ready)  # One wake-up for all of them.


def _settle_all(ready: list[tuple[_Request, list[Answer] | Exception]]) -> None:
    for request, outcome in ready:
        _settle(request, outcome)


def _settle(request: _Request, outcome: list[Answer] | Exception) -> None:
    if request.future.cancelled():
        return
    if isinstance(outcome, Exception):
        request.future.set_exception(outcome)
    else:
        request.future.set_result(outcome)
