"""Rates: calls keep their pace, and what has no turn yet waits for it in hand."""

import asyncio
import dataclasses

import pytest
from calling_world import World
from msgspec.structs import replace

import examples
from dispatch.application.given_back import GivenBack
from dispatch.application.limits import OutboundRates
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.limits import Reservation
from dispatch.application.tenants import TenantOf
from dispatch.domain.gcra import Rate
from ledgers import cause


class Slowly:
    """A limiter that lets so many through, each some time after the other."""

    def __init__(self, granted, interval_s):
        self.granted, self.interval_s, self.asked = granted, interval_s, []

    def reserve_all(self, limits, n, horizon_s):
        self.asked.append(([limit.key for limit in limits], n))
        granted = min(n, self.granted)
        return Reservation(granted=granted, delay_s=0, at_once=1, interval_s=self.interval_s, ask_again_s=0.1)


@pytest.mark.acceptance("S.04", part="calls keep to their pace, and what comes later waits in hand for its turn")
async def test_calls_keep_their_pace_and_the_rest_waits_for_its_turn():
    limiter = Slowly(4, 0.05)
    world = World("verify", limiter=limiter, rate=Rate(per=20, seconds=1.0))
    jobs = world.open(6)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await world.work(jobs)
    assert loop.time() - began >= 3 * 0.05 + 0.1
    assert limiter.asked == [(["provider:main"], 6), (["provider:main"], 2)]
    assert {tuple(world.names(job)) for job in jobs} == {("StageCompleted",)}, "nobody was put off: that costs events"
    assert world.spare.email_verifier.asked == [], "the next in order is for failures, not for speed"


async def test_who_waits_for_a_turn_is_given_back_when_the_process_is_to_stop():
    limiter = Slowly(1, 0.0)
    world = World("verify", limiter=limiter, rate=Rate(per=1, seconds=60.0))
    world.run = dataclasses.replace(world.run, stopping=lambda: bool(limiter.asked))
    jobs = world.open(3)
    with pytest.raises(GivenBack):
        await world.work(jobs)
    assert [world.names(job) for job in jobs] == [["StageCompleted"], [], []]


async def test_what_goes_out_by_a_channel_is_limited_whoever_carries_it():
    limiter = Slowly(500, 0.0)
    world = World("dispatch", limiter=limiter, rates=OutboundRates(channel_per_s=100))
    await world.work(world.open(3))
    assert limiter.asked == [(["channel:email"], 3)]


async def test_each_who_brings_batches_has_a_limit_where_one_is_set():
    limiter = Slowly(500, 0.0)
    world = World("dispatch", limiter=limiter, rates=OutboundRates(channel_per_s=0, tenant_per_s=5))
    tenant_of = TenantOf(world.ledger)
    world.run = dataclasses.replace(world.run, tenant_of=tenant_of)
    batch = replace(examples.received, by="webhook:crm")
    world.ledger.append([Append(examples.BATCH_ID, 0, [batch], cause())])
    [job] = world.open()
    await world.work([job])
    brought = tenant_of(world.job(job).batch_id)
    assert limiter.asked == ([(["tenant:webhook:crm"], 1)] if brought else [])
    assert brought == "webhook:crm"
