"""Whose turn it is among work of different urgency: the most urgent first, and nobody waits for ever (ADR 0023)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from dispatch.domain.job.priority import JobPriority

SHARES: Mapping[JobPriority, int] = {JobPriority.HIGH: 6, JobPriority.NORMAL: 3, JobPriority.LOW: 1}
"""Of ten turns, where work of all priorities waits without end."""

Turn = asyncio.Future[bool]
"""Settled when it comes; true for the extra place."""


class Turns:
    """Lets `at_once` holders work at a time, and one more of high priority: it waits for no long run of others.

    Who is next follows the smooth weighted round robin of nginx (`ngx_http_upstream_round_robin.c`): each waiting
    priority gains its share, the one that has most goes and pays what all have gained. For use in one event loop.
    """

    def __init__(self, at_once: int) -> None:
        self._free, self._extra_is_free = at_once, True
        self._waiting: dict[JobPriority, deque[Turn]] = {priority: deque() for priority in SHARES}
        self._credit = dict.fromkeys(SHARES, 0)

    @asynccontextmanager
    async def take(self, priority: JobPriority) -> AsyncIterator[None]:
        """Wait for a turn, hold it for the block, and pass it on."""
        turn: Turn = asyncio.get_running_loop().create_future()
        self._waiting[priority].append(turn)
        self._pass_on()
        try:
            await turn
            yield
        finally:
            if not turn.cancelled():
                self._give_back(is_extra=turn.result())

    def _give_back(self, *, is_extra: bool) -> None:
        if is_extra:
            self._extra_is_free = True
        else:
            self._free += 1
        self._pass_on()

    def _pass_on(self) -> None:
        for priority, turns in self._waiting.items():
            self._waiting[priority] = deque(turn for turn in turns if not turn.cancelled())
        while self._free and (waiting := [priority for priority in SHARES if self._waiting[priority]]):
            turn = self._waiting[self._next(waiting)].popleft()
            self._free -= 1
            turn.set_result(False)
        if self._extra_is_free and (urgent := self._waiting[JobPriority.HIGH]):
            self._extra_is_free = False
            urgent.popleft().set_result(True)

    def _next(self, waiting: list[JobPriority]) -> JobPriority:
        for priority in waiting:
            self._credit[priority] += SHARES[priority]
        chosen = max(waiting, key=self._credit.__getitem__)
        self._credit[chosen] -= sum(SHARES[priority] for priority in waiting)
        return chosen
