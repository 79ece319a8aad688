"""Keeps an endpoint's messages moving: the next are read, and the last ones recorded, while others are in flight."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime

from dispatch.application.ports.webhooks import Attempt, Message
from dispatch.domain.endpoint.state import Endpoint, EndpointStatus

Post = Callable[[Message], Awaitable[Attempt]]
HTTP_GONE = 410
IN_FLIGHT_MAX = 100
"""Requests to one endpoint at once."""
PAGE = 1_000
READY_LOW = 500
"""The next page is read when no more than so many messages wait to be sent."""
OPEN_MAX = 2_000
"""And no more than so many are read and not recorded: with a page more they go out again after a crash, at most."""
GROUP, GATHER_S = 500, 0.05
"""Attempts are recorded when there is a group of them, and at the latest after so long."""
LOOK_EVERY_S = 0.05
"""How often to look for more while the last ones are in flight."""
AFRESH_EVERY_S = 1.0
"""How often the endpoint is vetted, and its queue read from the beginning: one may have come behind the last page."""


class Conveyor:
    """Sends what is due to one endpoint until nothing is.

    Args:
        look: the endpoint as it is now; nothing more is sent when it is not active.
        due: reads up to so many due messages behind this one, in a thread.
        vet: tells how to post to the endpoint as it is.
        record: records attempts, in a thread; True when the endpoint was disabled over them.
    """

    def __init__(
        self,
        look: Callable[[], Endpoint],
        due: Callable[[tuple[datetime, int] | None, int], list[Message]],
        vet: Callable[[Endpoint], Awaitable[Post]],
        record: Callable[[list[Attempt]], bool],
    ) -> None:
        self._look, self._due, self._vet, self._record = look, due, vet, record
        self._post: Post
        self._ready: deque[Message] = deque()
        self._lanes: set[asyncio.Task[None] | None] = set()
        self._attempts: list[Attempt] = []  # To be recorded.
        self._open: set[int] = set()  # Positions that were read, and are not to be read again.
        self._recorded: list[int] = []  # Those of them that a page which is read from now on has no more.
        self._made = 0
        self._is_over = self._is_last = False
        self._has_use = asyncio.Event()  # There is room for a page, all is recorded, or it is over.
        self._has_attempts = asyncio.Event()  # Or there will be no more.

    async def run(self) -> int:
        """Answers how many attempts were recorded. Raises what `due`, `vet`, `post` and `record` raise."""
        recording = asyncio.create_task(self._record_all())
        try:
            await self._feed()
        finally:
            self._stop()
            ended = await asyncio.gather(*filter(None, self._lanes), return_exceptions=True)
            self._is_last = True
            self._has_attempts.set()
            await recording
        for accident in ended:
            if accident is not None:
                raise accident
        return self._made

    async def _feed(self) -> None:
        loop = asyncio.get_running_loop()
        behind, afresh_at = None, 0.0
        while not self._is_over and (endpoint := self._look()).status is EndpointStatus.ACTIVE:
            self._has_use.clear()
            if loop.time() >= afresh_at:
                self._post = await self._vet(endpoint)
                behind, afresh_at = None, loop.time() + AFRESH_EVERY_S
            if len(self._ready) > READY_LOW or self._unrecorded > OPEN_MAX:
                await self._until_use(AFRESH_EVERY_S)
                continue
            page = await self._page(behind)
            if len(page) == PAGE:
                behind = page[-1].due_at, page[-1].position
            elif self._unrecorded:
                behind = None
                await self._until_use(LOOK_EVERY_S)
            elif not page:
                return

    async def _page(self, behind: tuple[datetime, int] | None) -> list[Message]:
        """Read one, and give out what of it is not in hand yet."""
        self._open.difference_update(self._recorded)
        self._recorded.clear()
        page = await asyncio.to_thread(self._due, behind, PAGE)
        fresh = [message for message in page if message.position not in self._open]
        if not self._is_over:
            self._open.update([message.position for message in fresh])
            self._ready.extend(fresh)
            for _ in range(min(len(fresh), IN_FLIGHT_MAX - len(self._lanes))):
                self._lanes.add(asyncio.create_task(self._lane()))
        return page

    @property
    def _unrecorded(self) -> int:
        return len(self._open) - len(self._recorded)

    async def _until_use(self, timeout_s: float) -> None:
        try:
            await asyncio.wait_for(self._has_use.wait(), timeout_s)
        except TimeoutError:
            return

    async def _lane(self) -> None:
        """Post one after the other."""
        try:
            while self._ready:
                message = self._ready.popleft()
                if len(self._ready) == READY_LOW:
                    self._has_use.set()
                attempt = await self._post(message)
                self._attempts.append(attempt)
                self._has_attempts.set()
                if attempt.answer.status == HTTP_GONE or self._look().status is not EndpointStatus.ACTIVE:
                    self._stop()
        except BaseException:
            self._stop()
            raise
        self._lanes.discard(asyncio.current_task())

    async def _record_all(self) -> None:
        try:
            while self._attempts or not self._is_last:
                await self._has_attempts.wait()
                self._has_attempts.clear()
                if self._lanes and len(self._attempts) < GROUP:
                    await asyncio.sleep(GATHER_S)
                attempts, self._attempts = self._attempts, []
                is_disabled = await asyncio.to_thread(self._record, attempts)
                if is_disabled:
                    self._stop()
                self._made += len(attempts)
                self._recorded += [attempt.message.position for attempt in attempts]
                if not self._unrecorded or len(self._open) > OPEN_MAX:
                    self._has_use.set()
        finally:
            self._stop()

    def _stop(self) -> None:
        """What is in flight is finished and recorded."""
        self._is_over = True
        self._ready.clear()
        self._has_use.set()
