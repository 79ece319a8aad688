"""How others follow the ledger: woken or polling, at their pace, and outliving accidents of NATS and Postgres."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple

from nats.errors import Error as NatsError

from dispatch.adapters.nats.fence import CursorLost
from dispatch.application.ports.ledger import LedgerUnavailable

PAUSE_AFTER_ACCIDENT_S = 0.5


class Pace(NamedTuple):
    """How a follower waits after a step that has done what there was.

    First it rests, for `rest` times what the step took above `quick_s`, `rest_max_s` at most: what comes meanwhile is
    done together, and the more so the less the machine has to spare. Then it is woken, or looks after `poll_s`.
    """

    rest: float = 0.0
    quick_s: float = 0.0
    rest_max_s: float = 0.05
    poll_s: float = 0.2

    def rest_s(self, took_s: float) -> float:
        """For how long to rest after a step that took so long."""
        return min(self.rest_max_s, self.rest * (took_s - self.quick_s))


AT_ONCE = Pace()


async def follow(
    take_up: Callable[[], Awaitable[None]],
    step: Callable[[], Awaitable[bool]],
    on_accident: Callable[[str], None],
    *,
    wake: asyncio.Event,
    stop: asyncio.Event,
    pace: Pace = AT_ONCE,
) -> None:
    """Take up the cursor, then step until `stop` is set; a step that answers False has done what there was and waits.

    After an accident, whose name `on_accident` is told, it begins anew with `take_up`.
    """
    while not stop.is_set():
        try:
            await take_up()
            while not stop.is_set():
                wake.clear()
                began = monotonic()
                if not await step():
                    await either(stop, stop, pace.rest_s(monotonic() - began))
                    await either(wake, stop, pace.poll_s)
        except (CursorLost, NatsError, LedgerUnavailable, OSError, TimeoutError) as accident:
            on_accident(type(accident).__name__)
            await either(stop, stop, PAUSE_AFTER_ACCIDENT_S)


async def either(first: asyncio.Event, second: asyncio.Event, timeout_s: float) -> None:
    """Wait until one of the events is set, at most so long."""
    if timeout_s <= 0 or first.is_set() or second.is_set():
        return
    waits = [asyncio.ensure_future(event.wait()) for event in {first, second}]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
