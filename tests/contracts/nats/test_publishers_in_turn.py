"""Publishers that are killed, or that believe both that they lead: no gap, and nothing twice."""

import asyncio

import pytest
from publishing import WEEK, caught_up, positions, published, record
from publishing import ledger as ledger
from publishing import publishing as publishing
from publishing import sheet as sheet
from publishing import watchful as watchful
from streaming import until
from structlog.testing import capture_logs

from dispatch.adapters.nats import publisher as publisher_module
from dispatch.adapters.nats.fence import CursorLost
from dispatch.adapters.nats.following import NatsError
from dispatch.adapters.nats.publisher import Publisher
from dispatch.adapters.nats.streams import EVENT_STREAM, ensure_event_stream
from processes import start_owner

pytestmark = [pytest.mark.postgres, pytest.mark.nats]
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
