"""The publisher: each event once, in order, as subscribers read it; and what it notes of itself."""

from datetime import UTC, datetime

import msgspec
import pytest
from msgspec.structs import replace
from publishing import caught_up, messages, positions, published, record
from publishing import ledger as ledger
from publishing import publishing as publishing
from publishing import sheet as sheet
from publishing import watchful as watchful
from streaming import until

import examples
from dispatch.adapters.nats import publisher as publisher_module
from dispatch.adapters.nats.streams import EVENT_STREAM, ensure_event_stream
from ledgers import follow, new_id, start

pytestmark = [pytest.mark.postgres, pytest.mark.nats]


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


async def test_settings_of_a_stream_from_before_are_brought_up_to_date(js):
    await ensure_event_stream(js, max_age_s=60, max_bytes=1 << 20)
    await ensure_event_stream(js, max_age_s=120, max_bytes=1 << 21)
    config = (await js.stream_info(EVENT_STREAM)).config
    assert (config.max_age, config.max_bytes, config.discard) == (120, 1 << 21, "old")
