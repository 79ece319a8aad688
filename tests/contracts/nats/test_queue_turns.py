"""Turns among priorities: what is urgent goes first, all get their share, and a turn is never lost."""

import asyncio
from collections import Counter

import pytest

from dispatch.adapters.nats.turns import SHARES, Turns
from dispatch.domain.job.priority import JobPriority

HIGH, NORMAL, LOW = JobPriority


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


class Holders:
    """Tasks that wait for turns, in the order in which they got them; each holds on until it is told to let go."""

    def __init__(self, turns):
        self._turns, self.got, self._gates, self.tasks = turns, [], [], []

    async def _hold(self, priority):
        async with self._turns.take(priority):
            gate = asyncio.Event()
            self.got.append(priority)
            self._gates.append(gate)
            await gate.wait()

    async def ask(self, *priorities):
        self.tasks += [asyncio.ensure_future(self._hold(priority)) for priority in priorities]
        await settle()

    async def release(self):
        self._gates.pop(0).set()
        await settle()

    async def end(self):
        while self._gates:
            await self.release()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_of_those_that_wait_the_most_urgent_goes_first():
    holders = Holders(Turns(1))
    await holders.ask(NORMAL, LOW, NORMAL)
    assert holders.got == [NORMAL]
    await holders.ask(HIGH, HIGH)
    assert holders.got == [NORMAL, HIGH], "one of high priority waits for nobody"
    await holders.release()
    assert holders.got == [NORMAL, HIGH, HIGH]
    await holders.end()


async def test_with_all_waiting_without_end_each_gets_its_share():
    holders = Holders(Turns(2))
    each = 200
    await holders.ask(*[priority for priority in JobPriority for _ in range(each)])
    for _ in range(100):
        await holders.release()
    got = Counter(holders.got)
    assert got[HIGH] > got[NORMAL] > got[LOW] >= 5
    assert got[NORMAL] >= 2 * got[LOW]
    await holders.end()
    assert Counter(holders.got) == dict.fromkeys(JobPriority, each)
    assert sum(SHARES.values()) == 10


async def test_high_priority_without_end_does_not_keep_the_others_out():
    holders = Holders(Turns(1))
    await holders.ask(LOW, *[HIGH] * 100, LOW)
    for _ in range(40):
        await holders.release()
    assert holders.got.count(LOW) == 2
    await holders.end()


async def test_no_more_than_agreed_work_at_once_and_one_of_high_priority():
    holders = Holders(Turns(2))
    await holders.ask(*[NORMAL] * 5, *[HIGH] * 5, *[LOW] * 5)
    assert len(holders.got) == 3
    await holders.release()
    assert len(holders.got) == 4
    await holders.end()
    assert len(holders.got) == 15


async def test_who_is_cancelled_while_waiting_or_holding_gives_the_turn_to_the_next():
    holders = Holders(Turns(1))
    await holders.ask(NORMAL, NORMAL, LOW)
    holders.tasks[1].cancel()
    await settle()
    holders.tasks[0].cancel()
    await settle()
    assert holders.got == [NORMAL, LOW]
    turns = Turns(1)
    async with turns.take(NORMAL):
        waiting = asyncio.ensure_future(turns.take(NORMAL).__aenter__())
        await settle()
    waiting.cancel()  # Its turn has come, and it does not know yet.
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5), turns.take(LOW):
        pass
    await holders.end()
