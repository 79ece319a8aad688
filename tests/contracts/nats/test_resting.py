"""Following: woken at once, resting after a step that found little, never after one that found more than it took."""

import asyncio
from time import monotonic

from streaming import running, until

from dispatch.adapters.nats.following import POLL_S, REST_MAX_S, follow

STEP_S = 0.02


class Steps:
    """Steps that take a while; of each when it began, and whether there was more behind it."""

    def __init__(self, *more: bool) -> None:
        self.began: list[float] = []
        self._more = iter(more)

    async def take_up(self) -> None:
        pass

    async def step(self) -> bool:
        self.began.append(monotonic())
        await asyncio.sleep(STEP_S)
        return next(self._more, False)


def following(steps: Steps, wake: asyncio.Event, rest: float):
    return running(
        lambda stop: follow(steps.take_up, steps.step, lambda accident: None, wake=wake, stop=stop, rest=rest)
    )


async def test_after_a_step_that_found_all_it_rests_however_often_it_is_woken():
    steps, wake = Steps(), asyncio.Event()
    async with following(steps, wake, rest=2.0):
        until_s = monotonic() + 0.5
        while monotonic() < until_s:
            wake.set()
            await asyncio.sleep(0.001)
    pauses = [after - before for before, after in zip(steps.began, steps.began[1:], strict=False)]
    assert len(pauses) >= 3
    assert min(pauses) >= STEP_S + min(REST_MAX_S, 2.0 * STEP_S)


async def test_with_more_behind_it_a_step_is_followed_at_once():
    steps, wake = Steps(True, True, True, False), asyncio.Event()
    async with following(steps, wake, rest=1_000.0):
        await until(lambda: len(steps.began) == 4)
    assert steps.began[3] - steps.began[0] < 3 * (STEP_S + REST_MAX_S)


async def test_who_waits_is_woken_at_once_and_a_stop_ends_its_rest():
    steps, wake = Steps(), asyncio.Event()
    async with following(steps, wake, rest=0.0) as stop:
        await until(lambda: len(steps.began) == 1)
        await asyncio.sleep(STEP_S * 1.5)
        woken = monotonic()
        wake.set()
        await until(lambda: len(steps.began) == 2)
        assert steps.began[1] - woken < POLL_S, "without a poll"
        stop.set()
