"""A stream that is empty, wiped, replaced or ahead of the ledger: what is filled again, and what is not."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from publishing import WEEK, caught_up, positions, published, record
from publishing import ledger as ledger
from publishing import publishing as publishing
from publishing import sheet as sheet
from publishing import watchful as watchful
from streaming import until
from structlog.testing import capture_logs

from dispatch.adapters.nats.fence import CursorLost
from dispatch.adapters.nats.following import NatsError
from dispatch.adapters.nats.publisher import Publisher
from dispatch.adapters.nats.streams import EVENT_STREAM, ensure_event_stream

pytestmark = [pytest.mark.postgres, pytest.mark.nats]


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
