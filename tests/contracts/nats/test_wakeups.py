"""Wake-ups: who announces in one process is heard in another, from any thread, and never waits."""

import asyncio

import pytest
from streaming import flushed, until

from dispatch.adapters.nats.connection import connect
from dispatch.adapters.nats.wakeups import Wakeups
from dispatch.application.ports.ledger import Advance

pytestmark = pytest.mark.nats


@pytest.mark.acceptance("2.01", part="event-driven: who appends wakes those who follow")
async def test_an_announcement_from_a_thread_is_heard_by_another_client(clients):
    client = await clients()
    here, there = Wakeups(await clients()), Wakeups(client)
    heard = await there.listen()
    await flushed(client)
    await asyncio.to_thread(here.announce, Advance(7))
    await asyncio.wait_for(heard.wait(), 10)


async def test_a_listener_hears_every_later_announcement_and_its_own_process(client):
    wakeups = Wakeups(client)
    heard = await wakeups.listen()
    for head in range(3):
        heard.clear()
        wakeups.announce(Advance(head))
        await asyncio.wait_for(heard.wait(), 10)


async def test_announcing_without_a_server_is_harmless(fresh_nats, client):
    wakeups = Wakeups(client)
    heard = await wakeups.listen()
    fresh_nats.stop()
    await until(lambda: not client.is_connected)
    wakeups.announce(Advance(1))
    await asyncio.wait_for(heard.wait(), 10)


async def test_announcing_after_the_loop_has_closed_is_harmless(fresh_nats):
    def process():
        async def opened():
            client = await connect(fresh_nats.url, name="test")
            wakeups = Wakeups(client)
            await client.close()
            return wakeups

        return asyncio.run(opened())

    wakeups = await asyncio.to_thread(process)
    wakeups.announce(Advance(1))
    wakeups.announce(Advance(2))


async def test_each_listener_has_an_event_of_its_own(client):
    wakeups = Wakeups(client)
    first, second = await wakeups.listen(), await wakeups.listen()
    wakeups.announce(Advance(1))
    await asyncio.wait_for(first.wait(), 10)
    first.clear()
    await asyncio.wait_for(second.wait(), 10)
