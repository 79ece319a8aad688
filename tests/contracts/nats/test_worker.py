"""The worker: work is acknowledged when it is done, comes again when it is not, and a stop loses none of it."""

import asyncio

import pytest
from streaming import offer, running, until
from structlog.testing import capture_logs

from dispatch.adapters.nats import worker as worker_module
from dispatch.adapters.nats.streams import (
    WORK_STREAM,
    consumer_name,
    ensure_consumer,
    ensure_work_stream,
    is_idle,
    work_subject,
)
from dispatch.adapters.nats.worker import Worker
from dispatch.application.react import queues_of

pytestmark = pytest.mark.nats
QUEUE = "verify"


class Runs:
    """What a worker was asked to run, and when each run may end."""

    def __init__(self):
        self.started, self.ended = [], []
        self.gate = asyncio.Event()
        self.gate.set()
        self.crashes = 0

    def has_run(self, stream):
        return any(stream in streams for _, streams in self.ended)

    async def __call__(self, queue, streams):
        self.started.append((queue, list(streams)))
        await self.gate.wait()
        if self.crashes:
            self.crashes -= 1
            raise RuntimeError("the run crashed")
        self.ended.append((queue, list(streams)))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(worker_module, "REDELIVER_FIRST_S", 0.05)
    monkeypatch.setattr(worker_module, "PAUSE_AFTER_ACCIDENT_S", 0.05)


@pytest.fixture
async def runs(js):
    await ensure_work_stream(js)
    return Runs()


def working(client, runs, *, ack_wait_s=30.0, lanes=1, streams_per_run=500, queues=(QUEUE,)):
    worker = Worker(client, runs, ack_wait_s=ack_wait_s, lanes=lanes, streams_per_run=streams_per_run)
    return running(lambda stop: worker.work(queues, stop))


async def test_work_is_acknowledged_after_its_run_and_not_before(client, js, runs):
    runs.gate.clear()
    await offer(js, QUEUE, "a", "b")
    async with working(client, runs):
        await until(lambda: runs.started)
        assert not await is_idle(js, QUEUE)
        runs.gate.set()
        await until(lambda: is_idle(js, QUEUE))
    assert runs.ended == [(QUEUE, ["a", "b"])]


async def test_a_run_that_crashed_is_run_again_until_it_succeeds(client, js, runs, monkeypatch):
    monkeypatch.setattr(worker_module, "REDELIVER_MAX_S", 0.05)
    runs.crashes = 12  # The consumer once gave up after ten.
    await offer(js, QUEUE, "a")
    async with working(client, runs):
        await until(lambda: runs.ended)
        await until(lambda: is_idle(js, QUEUE))
    assert runs.started == [(QUEUE, ["a"])] * 13


async def test_the_more_often_a_run_crashes_the_longer_it_waits(client, js, runs, monkeypatch):
    pauses = []
    pause_after = worker_module._pause_after

    def noted(message):
        pauses.append(pause_after(message))
        return pauses[-1]

    monkeypatch.setattr(worker_module, "_pause_after", noted)
    monkeypatch.setattr(worker_module, "REDELIVER_MAX_S", 0.15)
    runs.crashes = 4
    await offer(js, QUEUE, "a")
    async with working(client, runs):
        await until(lambda: runs.ended)
    assert pauses == [0.05, 0.1, 0.15, 0.15]


async def test_a_worker_that_dies_leaves_its_work_to_another(clients, js, runs):
    runs.gate.clear()
    await offer(js, QUEUE, "a")
    doomed = await clients()
    dying = asyncio.ensure_future(Worker(doomed, runs, ack_wait_s=0.5, lanes=1).work([QUEUE], asyncio.Event()))
    await until(lambda: runs.started)
    while not dying.done():  # More than once: a lane that still connects may take it for a failed attempt (bpo-37658).
        dying.cancel()
        await asyncio.wait([dying], timeout=0.2)
    runs.gate.set()
    async with working(await clients(), runs, ack_wait_s=0.5):
        await until(lambda: runs.ended)
    assert runs.started == [(QUEUE, ["a"])] * 2


async def test_a_long_run_is_kept_as_long_as_its_worker_lives(client, js, runs):
    runs.gate.clear()
    await offer(js, QUEUE, "long")
    ack_wait_s = 0.6
    async with working(client, runs, ack_wait_s=ack_wait_s, lanes=2):
        await until(lambda: runs.started)
        begun = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > begun + 3 * ack_wait_s)
        runs.gate.set()
        await until(lambda: is_idle(js, QUEUE))
    assert runs.started == runs.ended == [(QUEUE, ["long"])]


async def test_many_small_messages_are_run_as_one_chunk(client, js, runs):
    for number in range(41):
        await offer(js, QUEUE, f"job-{number}")
    async with working(client, runs):
        await until(lambda: sum(len(streams) for _, streams in runs.ended) == 41)
    assert [len(streams) for _, streams in runs.ended] == [1, 20, 20]
    assert [stream for _, streams in runs.ended for stream in streams] == [f"job-{number}" for number in range(41)]


async def test_a_queue_may_be_run_one_by_one(client, js, runs):
    for number in range(3):
        await offer(js, QUEUE, f"batch-{number}")
    async with working(client, runs, streams_per_run=1):
        await until(lambda: len(runs.ended) == 3)
    assert [len(streams) for _, streams in runs.ended] == [1, 1, 1]


async def test_of_a_stream_that_is_named_twice_one_run_is_enough(client, js, runs):
    await offer(js, QUEUE, "first")
    for _ in range(2):
        await offer(js, QUEUE, "a", "b")
    async with working(client, runs):
        await until(lambda: len(runs.ended) == 2)
        await until(lambda: is_idle(js, QUEUE))
    assert runs.ended == [(QUEUE, ["first"]), (QUEUE, ["a", "b"])]


async def test_a_stop_finishes_what_is_in_hand_and_takes_nothing_new(client, js, runs):
    runs.gate.clear()
    await offer(js, QUEUE, "in hand")
    async with working(client, runs) as stop:
        await until(lambda: runs.started)
        await offer(js, QUEUE, "waits")
        stop.set()
        runs.gate.set()
    assert runs.started == runs.ended == [(QUEUE, ["in hand"])]
    info = await until(lambda: _settled(js))
    assert (info.num_pending, info.num_ack_pending) == (1, 0)


async def _settled(js):
    info = await js.consumer_info(WORK_STREAM, consumer_name(QUEUE))
    return info if info.num_ack_pending == 0 else None


async def test_an_idle_worker_stops_at_once(client, js, runs):
    async with working(client, runs, lanes=2) as stop:
        await until(lambda: _waiting(js))
        started = asyncio.get_running_loop().time()
        stop.set()
    assert asyncio.get_running_loop().time() - started < 2


async def _waiting(js):
    try:
        return (await js.consumer_info(WORK_STREAM, consumer_name(QUEUE))).num_waiting == 2
    except worker_module.NatsError:
        return False


@pytest.mark.parametrize("lost", ["stream", "consumer"])
async def test_what_was_wiped_is_made_again(client, js, runs, lost):
    await offer(js, QUEUE, "before")
    async with working(client, runs):
        await until(lambda: runs.ended)
        if lost == "stream":
            await js.delete_stream(WORK_STREAM)
            await ensure_work_stream(js)
        else:
            await js.delete_consumer(WORK_STREAM, consumer_name(QUEUE))
        await offer(js, QUEUE, "after")
        await until(lambda: runs.has_run("after"))


async def test_work_goes_on_when_nats_was_started_again(fresh_nats, client, js, runs):
    async with working(client, runs, lanes=2):
        await offer(js, QUEUE, "before")
        await until(lambda: runs.ended)
        fresh_nats.stop()
        await until(lambda: not client.is_connected)
        fresh_nats.start()
        await until(lambda: client.is_connected)
        await offer(js, QUEUE, "after")
        await until(lambda: runs.has_run("after"))


async def test_a_message_that_is_not_of_ours_is_said_and_dropped(client, js, runs):
    await js.publish(work_subject(QUEUE), b"{not json")
    await offer(js, QUEUE, "a")
    with capture_logs() as logs:
        async with working(client, runs):
            await until(lambda: runs.ended)
            await until(lambda: is_idle(js, QUEUE))
    assert [line["queue"] for line in logs if line["event"] == "worker.unreadable"] == [QUEUE]
    assert runs.ended == [(QUEUE, ["a"])]


async def test_workers_share_one_consumer_and_its_settings_are_brought_up_to_date(js, runs):
    await ensure_consumer(js, QUEUE, ack_wait_s=5, in_flight_max=10)
    await ensure_consumer(js, QUEUE, ack_wait_s=7, in_flight_max=20)
    config = (await js.consumer_info(WORK_STREAM, consumer_name(QUEUE))).config
    assert (config.ack_wait, config.max_ack_pending, config.max_deliver) == (7, 20, -1)
    assert len(await js.consumers_info(WORK_STREAM)) == 1


async def test_what_is_urgent_is_run_before_a_backlog_that_came_first(client, js, runs):
    runs.gate.clear()
    await offer(js, QUEUE, "before")
    async with working(client, runs, streams_per_run=1):
        await until(lambda: runs.started)
        for number in range(5):
            await offer(js, QUEUE, f"normal-{number}")
            await offer(js, f"{QUEUE}.low", f"low-{number}")
        await offer(js, f"{QUEUE}.high", "urgent")
        await until(lambda: (QUEUE, ["urgent"]) in runs.started)
        assert runs.started == [(QUEUE, ["before"]), (QUEUE, ["urgent"])], "while the first one still runs"
        runs.gate.set()
        for queue in queues_of(QUEUE):
            await until(lambda queue=queue: is_idle(js, queue))
    order = [streams[0] for _, streams in runs.ended]
    assert len(order) == len(set(order)) == 12
    assert order.index("low-0") < order.index("normal-4"), "low priority has its share, too"


@pytest.mark.acceptance("2.32", part="also where work comes in a trickle behind a crowd")
async def test_work_that_trickles_in_behind_a_crowd_is_not_held_back(client, js, runs):
    """A worker that asks for many messages at once must not wait for those that are still to come."""
    crowd, offered, delays = [f"crowd-{n}" for n in range(60)], {}, []
    now = asyncio.get_running_loop().time

    async def handle(queue, streams):
        await runs(queue, streams)
        delays.extend(now() - offered[stream] for stream in streams if stream in offered)

    async def trickle(name, every_s):
        for number in range(60):
            offered[f"{name}-{number}"] = now()
            await offer(js, QUEUE, f"{name}-{number}")
            await asyncio.sleep(every_s)

    for stream in crowd:
        await offer(js, QUEUE, stream)
    async with working(client, handle, lanes=3):
        await until(lambda: all(runs.has_run(stream) for stream in crowd))
        assert len(runs.started) < len(crowd), "a crowd is run together"
        await asyncio.gather(*(trickle(name, every_s) for name, every_s in (("a", 0.003), ("b", 0.007), ("c", 0.011))))
        await until(lambda: len(delays) == 180)
    assert max(delays) < worker_module.FETCH_WAIT_S - 1
