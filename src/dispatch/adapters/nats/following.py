"""How the relay and the publisher follow the ledger: woken or polling, and outliving accidents of NATS and Postgres."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from nats.errors import Error as NatsError

from dispatch.adapters.nats.fence import CursorLost
from dispatch.application.ports.ledger import LedgerUnavailable

POLL_S = 0.2
REST_MAX_S = 0.05
PAUSE_AFTER_ACCIDENT_S = 0.5


async def follow(
    take_up: Callable[[], Awaitable[None]],
    step: Callable[[], Awaitable[bool]],
    on_accident: Callable[[str], None],
    *,
    wake: asyncio.Event,
    stop: asyncio.Event,
    rest: float = 0.0,
    quick_s: float = 0.0,
) -> None:
    """Take up the cursor, then step until `stop` is set; a step that answers False has done what there was and waits.

    Before that it rests, for `rest` times what the step took above `quick_s`: what comes meanwhile is done together,
    and the more so the less the machine has to spare. After an accident, of whose name `on_accident` is told, it begins
    anew.
    """
    while not stop.is_set():
        try:
            await take_up()
            while not stop.is_set():
                wake.clear()
                began = monotonic()
                if not await step():
                    await either(stop, stop, min(REST_MAX_S, rest * (monotonic() - began - quick_s)))
                    await either(wake, stop, POLL_S)
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
