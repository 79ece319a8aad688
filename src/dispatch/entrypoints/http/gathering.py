"""Requests that arrive at the same moment are opened together: one commit for their keys, one for their events."""

import asyncio
from collections.abc import Callable, Sequence

from dispatch.application.notifications.opening import Answer
from dispatch.application.notifications.requests import NotificationRequest

Open = Callable[[Sequence[NotificationRequest]], list[Answer]]

TOGETHER_MAX = 500
"""No more share a transaction, so that the ledger's lock is never held for long."""


class Gathering:
    """Opens whatever waits, as often as it can; no artificial delay. For use in one event loop.

    One by one, each would pay a commit for the key of its person and wait its turn for another for its event: half as
    many a second at 32 connections.

    A request that is cancelled may be opened all the same: who asks again under its key is told so.
    """

    def __init__(self, open_all: Open) -> None:
        self._open_all = open_all
        self._waiting: list[tuple[NotificationRequest, asyncio.Future[Answer]]] = []
        self._running: asyncio.Task[None] | None = None

    async def open(self, request: NotificationRequest) -> Answer:
        """The answer to one request. Raises what opening it raises."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
                await self._open(group)
        finally:
            self._running = None

    async def _open(self, group: list[tuple[NotificationRequest, "asyncio.Future[Answer]"]]) -> None:
        try:
            answers = await asyncio.to_thread(self._open_all, [request for request, _ in group])
        except Exception as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)
