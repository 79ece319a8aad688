"""The live stream: fragments of the page when the views have moved, otherwise a heartbeat, and `bye` at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import structlog
from litestar.response.sse import ServerSentEventMessage

from dispatch.application.ports.queries import Queries, ViewsUnavailable
from dispatch.entrypoints.http.problem import Refused

LOOK_EVERY_S = 0.5
HEARTBEAT_S = 15.0
RECONNECT_MS = 1_000
STREAMS_MAX = 100

log = structlog.get_logger(__name__)


def projected_position(queries: Queries) -> int:
    """How far the slowest view has followed the ledger; 0 before the first event."""
    return min((view.position for view in queries.positions()), default=0)


class LiveFeed:
    """Watches the position of the views: once for all streams, and only while there is one."""

    def __init__(self, queries: Queries, draining: asyncio.Event) -> None:
        self._queries, self._draining = queries, draining
        self._position = -1
        self._moved = asyncio.Event()
        self._streams = 0
        self._watching: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """May one more stream be opened?"""
        return self._streams < STREAMS_MAX

    async def stream(
        self, shown: int, render: Callable[[], Mapping[str, str]]
    ) -> AsyncIterator[ServerSentEventMessage]:
        """Messages for one tab.

        Args:
            shown: the position that the tab shows already.
            render: the fragments as they are now, by id; called in a thread.
        """
        sent: Mapping[str, str] = {}
        self._enter()
        try:
            yield ServerSentEventMessage(data=None, comment="welcome", retry=RECONNECT_MS)
            while not self._draining.is_set():
                moved, position = self._moved, self._position
                if position in (-1, shown):
                    if not await self._wait(moved):
                        yield ServerSentEventMessage(data=None, comment="still here")
                    continue
                try:
                    fragments = await asyncio.to_thread(render)
                except ViewsUnavailable:
                    await self._wait(moved)
                    continue
                news = [html for name, html in fragments.items() if sent.get(name) != html]
                sent, shown = fragments, position
                yield ServerSentEventMessage(data="".join(news), event="fragments", id=position)
            yield ServerSentEventMessage(data="", event="bye", retry=RECONNECT_MS)
        finally:
            self._leave()

    async def _wait(self, moved: asyncio.Event) -> bool:
        """Until the views move or the server drains; False when a heartbeat is due."""
        waits = {asyncio.create_task(moved.wait()), asyncio.create_task(self._draining.wait())}
        try:
            done, _ = await asyncio.wait(waits, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            return bool(done)
        finally:
            for wait in waits:
                wait.cancel()

    def _enter(self) -> None:
        self._streams += 1
        if self._watching is None or self._watching.done():
            self._position = -1
            self._watching = asyncio.create_task(self._watch())

    def _leave(self) -> None:
        self._streams -= 1
        if not self._streams and self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _watch(self) -> None:
        while not self._draining.is_set():
            try:
                position = await asyncio.to_thread(projected_position, self._queries)
            except ViewsUnavailable:
                log.warning("live.views_unavailable")
            else:
                if position != self._position:
                    self._position = position
                    self._moved.set()
                    self._moved = asyncio.Event()
            await asyncio.sleep(LOOK_EVERY_S)


def refuse_when_full(feed: LiveFeed) -> None:
    """Raises Refused (`too_many_streams`); the page then asks every two seconds instead."""
    if not feed.has_room:
        fix = "the page goes on by asking every 2 s"
        raise Refused(
            "too_many_streams", f"{STREAMS_MAX} live streams are open", fix=fix, headers={"Retry-After": "30"}
        )
