"""Looking at the work stream from outside: the relay's cursor and what each queue holds, also where nothing is."""

import pytest
from streaming import offer

from dispatch.adapters.nats import inspection
from dispatch.adapters.nats.inspection import NatsSilent, inspect_nats, inspect_work
from dispatch.adapters.nats.relay import THROUGH
from dispatch.adapters.nats.streams import WORK_STREAM, consumer_name, ensure_consumer, ensure_work_stream, work_subject
from dispatch.application.ports.reconciling import QueueFacts, StreamFacts

pytestmark = pytest.mark.nats
QUEUES = ["verify", "dispatch"]


@pytest.mark.acceptance("X15", part="the backlog of each consumer is read beside what is owed")
@pytest.mark.acceptance("S.09", part="what the stream holds is compared with what is owed")
async def test_it_says_how_far_the_relay_is_and_what_waits(fresh_nats, js):
    assert await inspect_work(fresh_nats.url, QUEUES) == StreamFacts(exists=False)
    await ensure_work_stream(js)
    assert await inspect_work(fresh_nats.url, QUEUES) == StreamFacts(exists=True)
    await ensure_consumer(js, "verify", ack_wait_s=30, in_flight_max=10)
    await offer(js, "verify", "a")
    await js.publish(work_subject("verify"), b'["b"]', headers={THROUGH: "17"})
    waiting = StreamFacts(exists=True, through=17, queues={"verify": QueueFacts(waiting=2, in_hand=0)})
    assert await inspect_work(fresh_nats.url, QUEUES) == waiting
    fetching = await js.pull_subscribe_bind(consumer_name("verify"), WORK_STREAM)
    await fetching.fetch(1)
    assert (await inspect_work(fresh_nats.url, QUEUES)).queues["verify"] == QueueFacts(waiting=1, in_hand=1)
    await js.delete_stream(WORK_STREAM)
    assert await inspect_work(fresh_nats.url, QUEUES) == StreamFacts(exists=False)


async def test_a_server_that_is_too_old_is_said(fresh_nats, monkeypatch):
    facts = await inspect_nats(fresh_nats.url)
    assert (facts.jetstream, facts.needed) == (True, "")
    monkeypatch.setattr(inspection, "OLDEST_SERVER", (99, 1))
    assert (await inspect_nats(fresh_nats.url)).needed == "99.1"


async def test_a_server_that_is_not_there_is_said(unused_tcp_port):
    url = f"nats://127.0.0.1:{unused_tcp_port}"
    for look in (inspect_nats(url), inspect_work(url, [])):
        with pytest.raises(NatsSilent):
            await look
