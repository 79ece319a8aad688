"""The publisher: every event once, in order, without a gap, whatever happens to it, to the stream or to the ledger."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from psycopg_pool import ConnectionPool
from streaming import running, until
from structlog.testing import capture_logs

import examples
from dispatch.adapters.nats import publisher as publisher_module
from dispatch.adapters.nats.fence import CursorLost
from dispatch.adapters.nats.following import NatsError
from dispatch.adapters.nats.publisher import Publisher, Subscribed
from dispatch.adapters.nats.streams import EVENT_STREAM, ensure_event_stream
from dispatch.adapters.postgres.published import PublishedSheet
from ledgers import follow, new_id, opened_ledger, start
from processes import start_owner

pytestmark = [pytest.mark.postgres, pytest.mark.nats]
WEEK = Subscribed(kept=timedelta(days=7), bytes_max=1 << 28, source="/dispatch")
PUBLISHES = """
import asyncio, sys
from datetime import timedelta
from psycopg_pool import ConnectionPool
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.nats import publisher
from dispatch.adapters.nats.connection import connect
from dispatch.adapters.postgres.published import PublishedSheet

async def main(database_url, nats_url):
    publisher.EVENTS_PER_READ = 50
    kept = publisher.Subscribed(kept=timedelta(days=7), bytes_max=1 << 28, source="/dispatch")
    client = await connect(nats_url, name="test")
    ledger = PostgresLedger(LedgerRecorder(open_datastore(database_url)))
    with ConnectionPool(database_url, min_size=1, max_size=1) as pool:
        await publisher.Publisher(ledger, PublishedSheet(pool), client, kept).follow(asyncio.Event(), asyncio.Event())

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def watchful(monkeypatch):
    monkeypatch.setattr(publisher_module, "LOOK_EVERY_S", 0.05)


@pytest.fixture
def ledger(database_url):
    with opened_ledger(database_url) as ledger:
        yield ledger


@pytest.fixture
def sheet(database_url, ledger):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS ops")
    with ConnectionPool(database_url, min_size=1, max_size=2) as pool:
        sheet = PublishedSheet(pool)
        sheet.prepare()
        yield sheet


@pytest.fixture
def publishing(ledger, sheet):
    """A publisher that follows the ledger on this client while the block runs."""

    def make(client, subscribed=WEEK):
        publisher = Publisher(ledger, sheet, client, subscribed)
        wake = asyncio.Event()
        return publisher, running(lambda stop: publisher.follow(wake, stop))

    return make


def record(ledger, count: int) -> None:
    """`count` events of as many jobs."""
    ledger.append([start(new_id()) for _ in range(count)])


def positions(ledger) -> list[int]:
    return [recorded.position for recorded in ledger.read(0, 1_000_000)]


async def published(js) -> list[int]:
    """The ids of all that stands in the stream, in order."""
    return [int(message.headers["ce-id"]) for message in await messages(js)]


async def messages(js) -> Sequence:
    state = (await js.stream_info(EVENT_STREAM)).state
    if not state.messages:
        return []
    return [await js.get_msg(EVENT_STREAM, number) for number in range(state.first_seq, state.last_seq + 1)]


async def caught_up(publisher, ledger) -> None:
    await until(lambda: publisher.through == ledger.head())


async def test_an_event_travels_as_a_cloud_event_in_binary_mode(ledger, client, js, publishing):
    job = new_id()
    ledger.append([start(job)])
    ledger.append([follow(job, 1)])
    publisher, follows = publishing(client)
    async with follows:
        await caught_up(publisher, ledger)
    [_, message] = await messages(js)
    [_, recorded] = ledger.read(0, 10)
    assert message.subject == f"dispatch.v1.job.stage-completed.{job}"
    assert {name: value for name, value in message.headers.items() if not name.startswith("Nats-")} == {
        "ce-specversion": "1.0",
        "ce-id": str(recorded.position),
        "ce-source": "/dispatch",
        "ce-type": "dispatch.v1.job.stage-completed",
        "ce-subject": job,
        "ce-time": "2026-11-23T12:00:00Z",
        "ce-recordedtime": recorded.recorded_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce-datacontenttype": "application/json",
        "ce-sequence": f"{recorded.position:020}",
        "ce-correlationid": examples.BATCH_ID,
        "ce-causationid": recorded.causation_id,
    }
    assert msgspec.json.decode(message.data) == {
        "job_id": job,
        "at": "2026-11-23T12:00:00Z",
        "stage": "verify",
        "attempt": 1,
        "next_stage": "dispatch",
        "output": {"verdict": "valid"},
        "priority": "normal",
    }


async def test_every_event_is_published_once_in_order(ledger, client, js, publishing, monkeypatch):
    monkeypatch.setattr(publisher_module, "EVENTS_PER_READ", 100)
    record(ledger, 250)
    publisher, follows = publishing(client)
    async with follows:
        await caught_up(publisher, ledger)
        record(ledger, 30)
        await caught_up(publisher, ledger)
    assert await published(js) == positions(ledger)


async def test_a_restart_takes_up_where_the_stream_ends(ledger, client, js, publishing):
    for count in (3, 2):
        record(ledger, count)
        publisher, follows = publishing(client)
        async with follows:
            await caught_up(publisher, ledger)
    assert await published(js) == positions(ledger)


async def test_publishers_that_are_killed_leave_no_gap_and_say_nothing_twice(
    ledger, database_url, fresh_nats, client, js, publishing, sheet
):
    record(ledger, 3_000)
    killed = 0
    await ensure_event_stream(js, max_age_s=WEEK.kept.total_seconds(), max_bytes=WEEK.bytes_max)
    for _ in range(4):
        before = (await js.stream_info(EVENT_STREAM)).state.messages
        process = start_owner(PUBLISHES, database_url, fresh_nats.url)
        try:

            async def moved(before=before):
                return (await js.stream_info(EVENT_STREAM)).state.messages > before + 20

            await until(moved)
        finally:
            process.kill()
            process.communicate()
        killed += (await js.stream_info(EVENT_STREAM)).state.messages < 3_000
        record(ledger, 20)
    assert killed, "at least one was killed while it had something to do"
    publisher, follows = publishing(client)
    async with follows:
        await caught_up(publisher, ledger)
    assert await published(js) == positions(ledger)


async def test_two_that_believe_they_lead_leave_no_gap_and_say_nothing_twice(
    ledger, client, clients, js, publishing, monkeypatch
):
    monkeypatch.setattr(publisher_module, "EVENTS_PER_READ", 20)
    first, first_follows = publishing(client)
    second, second_follows = publishing(await clients())
    record(ledger, 200)
    with capture_logs() as logs:
        async with first_follows, second_follows:
            for _ in range(20):
                record(ledger, 20)
                await asyncio.sleep(0.02)
            await until(lambda: ledger.head() in (first.through, second.through))
    assert await published(js) == positions(ledger)
    assert any(line["event"] == "publisher.interrupted" for line in logs), "they were in each other's way"


async def test_the_one_behind_is_fenced_off_even_at_the_first_message(ledger, client, clients, js, sheet):
    first = Publisher(ledger, sheet, client, WEEK)
    second = Publisher(ledger, sheet, await clients(), WEEK)
    await first._take_up()
    await second._take_up()
    record(ledger, 2)
    await first._step()
    with pytest.raises(NatsError, match="wrong last"):
        await second._step()
    assert await published(js) == positions(ledger)
    second._checked_at = 0
    with pytest.raises(CursorLost):
        await second._look()


@pytest.mark.parametrize("wipe", ["delete", "purge"])
async def test_a_stream_that_is_wiped_while_events_come_is_filled_again(
    ledger, client, js, publishing, monkeypatch, wipe
):
    record(ledger, 100)
    publisher, follows = publishing(client)
    async with follows:
        await caught_up(publisher, ledger)
        await until(lambda: publisher._seen_last == 100)
        if wipe == "delete":
            await js.delete_stream(EVENT_STREAM)
        else:
            await js.purge_stream(EVENT_STREAM)
        record(ledger, 10)

        async def whole():
            try:
                return (await js.stream_info(EVENT_STREAM)).state.messages == 110
            except NatsError:
                return False

        await until(whole)
    assert await published(js) == positions(ledger)


async def test_a_stream_that_is_replaced_by_one_of_the_same_length_is_filled_again(ledger, client, js, sheet):
    record(ledger, 3)
    publisher = Publisher(ledger, sheet, client, WEEK)
    await publisher._take_up()
    await publisher._step()
    await js.delete_stream(EVENT_STREAM)
    await ensure_event_stream(js, max_age_s=WEEK.kept.total_seconds(), max_bytes=WEEK.bytes_max)
    for _ in range(3):
        await js.publish("dispatch.v1.job.hello.1", b"not ours")
    record(ledger, 2)
    publisher._checked_at = 0
    with pytest.raises(CursorLost):
        await publisher._step()
    await publisher._take_up()
    await publisher._step()
    assert await published(js) == positions(ledger)


async def test_what_nobody_wiped_is_not_filled_again(ledger, client, js, publishing):
    """After an empty start, and when everything in it has expired."""
    record(ledger, 3)
    publisher, follows = publishing(client, replace(WEEK, kept=timedelta(seconds=1)))
    with capture_logs() as logs:
        async with follows:
            await caught_up(publisher, ledger)

            async def expired():
                return (await js.stream_info(EVENT_STREAM)).state.messages == 0

            await until(expired)
            looked = publisher._checked_at
            await until(lambda: publisher._checked_at > looked + 0.2)
    assert [line["event"] for line in logs if line["event"].startswith("publisher.")] == [
        "publisher.fills",
        "publisher.started",
    ]


async def test_an_empty_stream_is_filled_with_what_it_would_still_hold(ledger, client, js, sheet):
    record(ledger, 5)
    old, now = positions(ledger), datetime.now(UTC)
    later = Publisher(ledger, sheet, client, WEEK, clock=lambda: now + WEEK.kept + timedelta(minutes=5))
    await later._take_up()
    assert later.through == old[-1], "all of it has expired"
    at_the_time = Publisher(ledger, sheet, client, WEEK, clock=lambda: now + WEEK.kept - timedelta(minutes=5))
    await at_the_time._take_up()
    assert at_the_time.through == 0


async def test_what_somebody_else_publishes_there_costs_nothing(ledger, client, js, publishing):
    record(ledger, 3)
    publisher, follows = publishing(client)
    async with follows:
        await caught_up(publisher, ledger)
        await js.publish("dispatch.v1.job.hello.1", b"not ours")
        record(ledger, 3)
        await caught_up(publisher, ledger)
    found = [message.headers for message in await messages(js)]
    assert [int(headers["ce-id"]) for headers in found if headers] == positions(ledger)
    assert len(found) == 7


async def test_a_ledger_from_a_backup_begins_the_stream_anew(ledger, client, js, publishing):
    record(ledger, 2)
    await ensure_event_stream(js, max_age_s=WEEK.kept.total_seconds(), max_bytes=WEEK.bytes_max)
    await js.publish("dispatch.v1.job.job-opened.1", b"{}", headers={"ce-id": "99", "ce-sequence": f"{99:020}"})
    publisher, follows = publishing(client)
    with capture_logs() as logs:
        async with follows:
            await caught_up(publisher, ledger)
    assert [line["through"] for line in logs if line["event"] == "publisher.ahead_of_ledger"] == [99]
    assert await published(js) == positions(ledger)


async def test_lists_that_are_too_long_to_travel_are_left_out(ledger, client, js, publishing, monkeypatch):
    monkeypatch.setattr(publisher_module, "HEADERS_BYTES_MAX", client.max_payload - 500)
    batch = new_id()
    rows = tuple(range(1, 1_000))
    ledger.append([start(batch, events=[replace(examples.rows_repaired, batch_id=batch, rows=rows)])])
    publisher, follows = publishing(client)
    async with follows:
        await caught_up(publisher, ledger)
    [message] = await messages(js)
    assert message.headers["ce-partial"] == "true"
    assert msgspec.json.decode(message.data) == {"batch_id": batch, "at": "2026-11-23T12:00:00Z", "correction": 1}


async def test_it_notes_how_far_it_is(ledger, client, publishing, sheet):
    assert (sheet.lag(), sheet.says()) == (None, "nothing published yet")
    record(ledger, 4)
    _, follows = publishing(client)
    async with follows:
        await until(lambda: sheet.lag() == (ledger.head(), 0, 0.0))
    assert sheet.says() == "0 events, 0.0 s behind"
    record(ledger, 2)
    recorded_at = ledger.read(0, 10)[4].recorded_at
    await until(lambda: sheet.lag().seconds > 0.1)
    lag, waited_s = sheet.lag(), (datetime.now(UTC) - recorded_at).total_seconds()
    assert (lag.position, lag.events) == (ledger.head() - 2, 2)
    assert lag.seconds == pytest.approx(waited_s, abs=1)


async def test_events_go_on_when_nats_comes_back_without_its_data(ledger, fresh_nats, client, js, publishing):
    record(ledger, 3)
    publisher, follows = publishing(client)
    async with follows:
        await caught_up(publisher, ledger)
        fresh_nats.stop()
        for store in fresh_nats.data.glob("jetstream/*"):
            store.rename(fresh_nats.data / f"lost-{store.name}")
        record(ledger, 2)
        fresh_nats.start()

        async def whole():
            try:
                return (await js.stream_info(EVENT_STREAM)).state.messages == 5
            except (NatsError, TimeoutError):
                return False

        await until(whole)
    assert await published(js) == positions(ledger)


async def test_settings_of_a_stream_from_before_are_brought_up_to_date(js):
    await ensure_event_stream(js, max_age_s=60, max_bytes=1 << 20)
    await ensure_event_stream(js, max_age_s=120, max_bytes=1 << 21)
    config = (await js.stream_info(EVENT_STREAM)).config
    assert (config.max_age, config.max_bytes, config.discard) == (120, 1 << 21, "old")
