"""Following: woken at once, resting after a step that did what there was, never after one that left something."""

import asyncio
from time import monotonic

from streaming import running, until

from dispatch.adapters.nats.following import Pace, follow

STEP_S, REST_S = 0.01, 0.05
NEVER_S = 3_600.0


class Steps:
    """Steps that take a while; of each when it began, and whether it left something."""

    def __init__(self, *left: bool) -> None:
        self.began: list[float] = []
        self._left = iter(left)

    async def take_up(self) -> None:
        pass

    async def step(self) -> bool:
        self.began.append(monotonic())
        await asyncio.sleep(STEP_S)
        return next(self._left, False)


def following(steps: Steps, wake: asyncio.Event, pace: Pace):
    return running(
        lambda stop: follow(steps.take_up, steps.step, lambda accident: None, wake=wake, stop=stop, pace=pace)
    )


async def test_after_a_step_that_did_what_there_was_it_rests_however_often_it_is_woken():
    steps, wake = Steps(), asyncio.Event()

    def woken_again() -> bool:
        wake.set()
        return len(steps.began) == 5

    async with following(steps, wake, Pace(rest=1_000.0, rest_max_s=REST_S, poll_s=NEVER_S)):
        await until(woken_again)
    pauses = [after - before for before, after in zip(steps.began, steps.began[1:], strict=False)]
    assert min(pauses) >= STEP_S + REST_S


async def test_a_step_that_left_something_is_followed_by_the_next_without_a_rest():
    steps = Steps(True, True, True, False)
    async with following(steps, asyncio.Event(), Pace(rest=1e9, rest_max_s=NEVER_S, poll_s=NEVER_S)):
        await until(lambda: len(steps.began) == 4)  # And a stop ends the rest that comes now.


async def test_who_waits_is_woken_and_looks_by_itself_too():
    steps, wake = Steps(), asyncio.Event()
    async with following(steps, wake, Pace(poll_s=NEVER_S)):
        await until(lambda: steps.began)
        wake.set()
        await until(lambda: len(steps.began) == 2)
    steps = Steps()
    async with following(steps, asyncio.Event(), Pace(poll_s=0.01)):
        await until(lambda: len(steps.began) == 3)


def test_a_rest_is_as_long_as_the_step_above_what_is_quick():
    assert Pace().rest_s(1.0) == 0
    assert Pace(rest=2.0).rest_s(0.01) == 0.02
    assert Pace(rest=2.0, rest_max_s=0.05).rest_s(1.0) == 0.05
    assert Pace(rest=2.0, quick_s=0.25).rest_s(0.2) <= 0
    assert Pace(rest=2.0, quick_s=0.25, rest_max_s=9).rest_s(1.25) == 2.0
