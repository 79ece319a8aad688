"""The relay: all work of the ledger comes into the stream, whatever happens to either of them."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace
from streaming import asked_for, chunks, flushed, running, until
from structlog.testing import capture_logs

import examples
from dispatch.adapters.nats import relay as relay_module
from dispatch.adapters.nats import streams as streams_module
from dispatch.adapters.nats.fence import MESSAGE_ID, CursorLost
from dispatch.adapters.nats.following import NatsError
from dispatch.adapters.nats.relay import THROUGH, Relay
from dispatch.adapters.nats.streams import (
    WORK_STREAM,
    consumer_name,
    ensure_consumer,
    ensure_work_stream,
    last_message_headers,
)
from dispatch.adapters.postgres.projector import Projector
from dispatch.application.react import CHUNK_MAX, INTAKE
from dispatch.domain.job.priority import JobPriority
from ledgers import follow, new_id, start

pytestmark = [pytest.mark.postgres, pytest.mark.nats]
STAGES = ["verify", "dispatch"]
HOUR = timedelta(hours=1)


@pytest.fixture
def relaying(ledger, sheet):
    """A relay that follows the ledger on this client while the block runs."""

    def make(client):
        relay = Relay(ledger, sheet, client, STAGES)
        wake = asyncio.Event()
        return relay, running(lambda stop: relay.follow(wake, stop))

    return make


def open_jobs(ledger, count):
    jobs = [new_id() for _ in range(count)]
    ledger.append([start(job) for job in jobs])
    return set(jobs)


async def test_events_become_chunks_of_at_most_500_ids_per_queue(ledger, client, js, relaying):
    jobs = open_jobs(ledger, 2 * CHUNK_MAX + 200)
    moved = set(sorted(jobs)[:3])
    ledger.append([follow(job, 1) for job in moved])
    batch = new_id()
    ledger.append([start(batch, events=[examples.received])])
    relay, follows = relaying(client)
    async with follows:
        await until(lambda: relay.through == ledger.head())
        found = await chunks(js)
    assert [(queue, len(streams)) for queue, streams in found] == [
        ("verify", 500),
        ("verify", 500),
        ("verify", 197),
        ("dispatch", 3),
        (INTAKE, 1),
    ]
    assert await asked_for(js, "verify") == jobs - moved
    assert await asked_for(js, "dispatch") == moved
    assert await asked_for(js, INTAKE) == {batch}


async def test_a_restart_takes_up_where_the_stream_ends(ledger, client, js, relaying):
    first = open_jobs(ledger, 3)
    relay, follows = relaying(client)
    async with follows:
        await until(lambda: relay.through == ledger.head())
    second = open_jobs(ledger, 2)
    relay, follows = relaying(client)
    async with follows:
        await until(lambda: relay.through == ledger.head())
    found = await chunks(js)
    assert [(queue, set(streams)) for queue, streams in found] == [("verify", first), ("verify", second)]


async def test_a_relay_that_dies_between_two_chunks_leaves_neither_and_skips_nothing(
    ledger, client, clients, sheet, monkeypatch
):
    jobs = open_jobs(ledger, 2 * CHUNK_MAX)
    other = await clients()
    js = other.jetstream(timeout=5)
    relay = Relay(ledger, sheet, client, STAGES)
    await relay._take_up()
    publish, published = client.publish, []

    async def dies(*arguments, **options):
        if published:
            raise asyncio.CancelledError
        published.append(await publish(*arguments, **options))

    monkeypatch.setattr(client, "publish", dies)
    with pytest.raises(asyncio.CancelledError):
        await relay._publish_next()
    await flushed(client)
    assert await chunks(js) == []
    successor, wake = Relay(ledger, sheet, other, STAGES), asyncio.Event()
    async with running(lambda stop: successor.follow(wake, stop)):
        await until(lambda: successor.through == ledger.head())
    assert await asked_for(js, "verify") == jobs
    assert [len(streams) for _, streams in await chunks(js)] == [500, 500], "all of it, once"


@pytest.mark.parametrize("wipe", ["delete", "purge"])
async def test_a_stream_that_is_wiped_is_filled_again_although_nothing_happens(
    ledger, client, js, relaying, monkeypatch, wipe
):
    monkeypatch.setattr(relay_module, "CHECK_EVERY_S", 0.05)
    jobs, batch = open_jobs(ledger, 3), new_id()
    ledger.append([start(batch, events=[examples.received])])
    relay, follows = relaying(client)
    async with follows:
        await until(lambda: relay.through == ledger.head())
        if wipe == "delete":
            await js.delete_stream(WORK_STREAM)
        else:
            await js.purge_stream(WORK_STREAM)

        async def refilled():
            return (await js.stream_info(WORK_STREAM)).state.messages == 2

        with capture_logs() as logs:
            await until(lambda: any(line["event"] == "relay.started" for line in logs))
        await until(refilled)
    assert await asked_for(js, "verify") == jobs
    assert await asked_for(js, INTAKE) == {batch}


async def test_work_goes_on_when_nats_comes_back_without_its_data(ledger, fresh_nats, client, js, relaying):
    jobs = open_jobs(ledger, 3)
    relay, follows = relaying(client)
    async with follows:
        await until(lambda: relay.through == ledger.head())
        fresh_nats.stop()
        for store in fresh_nats.data.glob("jetstream/*"):
            store.rename(fresh_nats.data / f"lost-{store.name}")
        jobs |= open_jobs(ledger, 2)
        fresh_nats.start()
        await until(lambda: relay.through == ledger.head())
    assert await asked_for(js, "verify") == jobs


async def test_of_two_relays_the_one_behind_is_fenced_off(ledger, client, clients, js, sheet):
    first, second = Relay(ledger, sheet, client, STAGES), Relay(ledger, sheet, await clients(), STAGES)
    await first._take_up()
    await second._take_up()
    known = open_jobs(ledger, 1)
    await first._publish_next()
    await second._take_up()
    jobs = open_jobs(ledger, 2)
    await first._publish_next()
    with pytest.raises(NatsError, match="wrong last"):
        await second._publish_next()
    assert second.through < first.through == ledger.head()
    assert [set(streams) for _, streams in await chunks(js)] == [known, jobs]
    second._checked_at -= relay_module.CHECK_EVERY_S
    with pytest.raises(CursorLost):
        await second._check()


async def test_due_retries_are_published_once_with_the_cursor_as_it_was(ledger, database_url, client, js, relaying):
    job = new_id()
    ledger.append(
        [
            start(
                job,
                events=[
                    replace(examples.opened, job_id=job),
                    replace(examples.failed, job_id=job),
                    replace(examples.retry_scheduled, job_id=job, due_at=datetime.now(UTC) - timedelta(seconds=1)),
                ],
            )
        ]
    )
    relay, follows = relaying(client)
    async with follows:
        await until(lambda: relay.through == ledger.head())
        assert await chunks(js) == [], "not due as far as events say"
        projector = Projector(database_url, ledger)
        projector.step()
        projector.close()
        found = await until(lambda: chunks(js))
        later = open_jobs(ledger, 1)  # Behind it the relay has swept at least once more.
        await until(lambda: relay.through == ledger.head())
        relay._swept_at -= relay_module.SWEEP_EVERY_S
        last = open_jobs(ledger, 1)
        await until(lambda: relay.through == ledger.head())
    assert found == [("verify", [job])]
    assert [set(streams) for _, streams in await chunks(js)] == [{job}, later, last]
    with psycopg.connect(database_url) as connection:
        leased = connection.execute("SELECT job_id::text FROM ops.due_leases WHERE leased_until > now()").fetchall()
    assert leased == [(job,)]
    headers = await last_message_headers(js)
    assert int(headers[THROUGH]) == ledger.head()


async def test_a_full_stream_refuses_and_the_relay_goes_on_when_work_is_done(ledger, client, js, relaying, monkeypatch):
    monkeypatch.setattr(streams_module, "MAX_BYTES", 50_000)
    await ensure_work_stream(js)
    await ensure_consumer(js, "verify", ack_wait_s=30, in_flight_max=1_000)
    jobs = open_jobs(ledger, 4 * CHUNK_MAX)
    relay, follows = relaying(client)
    done: set[str] = set()
    async with follows:
        with capture_logs() as logs:
            await until(lambda: any(line["event"] == "relay.stream_full" for line in logs))
        assert (await js.stream_info(WORK_STREAM)).state.bytes <= 50_000
        assert len(await asked_for(js, "verify")) < len(jobs), "nothing was dropped that nobody has done"
        before = (await last_message_headers(js))[MESSAGE_ID]
        subscription = await js.pull_subscribe_bind(durable=consumer_name("verify"), stream=WORK_STREAM)
        while done < jobs:
            for message in await subscription.fetch(1, timeout=20):
                done |= set(relay_module.msgspec.json.decode(message.data))
                await message.ack_sync()
        await until(lambda: relay.through == ledger.head())
        await subscription.unsubscribe()
    assert done == jobs
    assert (await last_message_headers(js))[MESSAGE_ID] != before


async def test_settings_of_a_stream_from_before_are_brought_up_to_date(js, monkeypatch):
    await ensure_work_stream(js)
    monkeypatch.setattr(streams_module, "MAX_BYTES", 1_000_000)
    await ensure_work_stream(js)
    config = (await js.stream_info(WORK_STREAM)).config
    assert (config.max_bytes, config.max_age) == (1_000_000, 0)


@pytest.mark.acceptance("S.05", part="what is scheduled goes to the workers at its time, by its priority")
async def test_what_is_scheduled_comes_at_its_time_on_the_queue_of_its_priority(
    ledger, database_url, client, js, relaying
):
    now = datetime.now(UTC)
    urgent, due, later = new_id(), new_id(), new_id()
    opened = replace(examples.opened, at=now, priority=JobPriority.HIGH)
    long_ago = replace(opened, at=now - timedelta(hours=2), scheduled_at=now - timedelta(hours=1))
    for job, event in ((urgent, opened), (due, long_ago), (later, replace(opened, scheduled_at=now + HOUR))):
        ledger.append([start(job, events=[replace(event, job_id=job)])])
    ledger.append([follow(urgent, 1, events=[replace(examples.completed, job_id=urgent, priority=JobPriority.HIGH)])])
    projector = Projector(database_url, ledger)
    while projector.step():
        pass
    projector.close()
    relay, follows = relaying(client)
    async with follows:
        await until(lambda: relay.through == ledger.head())
        await until(lambda: asked_for(js, "verify.high"))
        await until(lambda: asked_for(js, "dispatch.high"))
    assert await asked_for(js, "verify.high") == {due}
    assert await asked_for(js, "dispatch.high") == {urgent}
    assert await asked_for(js, "verify") == set()
