"""A publisher on a ledger and a stream of the test's own, and what stands in the stream."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from streaming import running, until

from dispatch.adapters.nats import publisher as publisher_module
from dispatch.adapters.nats.publisher import Publisher, Subscribed
from dispatch.adapters.nats.streams import EVENT_STREAM
from dispatch.adapters.postgres.published import PublishedSheet
from ledgers import new_id, opened_ledger, start

WEEK = Subscribed(kept=timedelta(days=7), bytes_max=1 << 28, source="/dispatch")


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
