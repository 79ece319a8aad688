"""Ours: an append to the ledger, the publisher as a role in a process of its own, and a subscriber in another."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from benchmarks.contest import Timed
from benchmarks.jobs import new_stream, opened
from benchmarks.visibility.handling import GAP_S, PATIENCE_S, WARM_UP, handler, timed
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.nats.connection import connect
from dispatch.adapters.nats.streams import EVENT_STREAM
from dispatch.adapters.nats.wakeups import Wakeups
from dispatch.entrypoints.settings import Settings
from dispatch.entrypoints.supervisor.children import play_roles


def run(url: str, nats_url: str, folder: Path, count: int) -> Timed:
    """Append one by one, and wait for the last to be handled."""
    with _publisher(url, nats_url, folder), handler(listen, nats_url, WARM_UP + count) as handled:
        began = uvloop.run(_append(url, nats_url, WARM_UP + count))
        return timed(began, handled())


def listen(told: Connection, nats_url: str, count: int) -> None:
    """Handle `count` messages of the stream."""
    uvloop.run(_listen(told, nats_url, count))


async def _append(url: str, nats_url: str, count: int) -> dict[str, int]:
    began: dict[str, int] = {}
    client = await connect(nats_url, name="bench-writer")
    ledger = PostgresLedger(LedgerRecorder(open_datastore(url)), Wakeups(client).announce)
    try:
        for job in opened(count):
            append = new_stream([job])
            began[job.job_id] = time.monotonic_ns()
            [answer] = await ledger.append_async([append])
            assert isinstance(answer, range), answer
            await asyncio.sleep(GAP_S)
    finally:
        ledger.close()
        await client.close()
    return began


async def _listen(told: Connection, nats_url: str, count: int) -> None:
    handled: dict[str, int] = {}
    over = asyncio.Event()

    async def handle(message: Msg) -> None:
        handled[message.headers["ce-subject"]] = time.monotonic_ns()
        await message.ack()
        if len(handled) == count:
            over.set()

    client = await connect(nats_url, name="bench-subscriber")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            await client.jetstream().subscribe("dispatch.v1.job.>", stream=EVENT_STREAM, cb=handle, manual_ack=True)
            break
        except NatsError:  # The publisher makes the stream.
            assert time.monotonic() < deadline, "there is no stream"
            await asyncio.sleep(0.1)
    told.send("listening")
    await over.wait()
    told.send(handled)


@contextmanager
def _publisher(url: str, nats_url: str, folder: Path) -> Iterator[None]:
    """The role, as `dispatch run publisher` plays it."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    settings = Settings(data=folder / "data", database_url=url, nats_url=nats_url)
    process = context.Process(target=play_roles, args=(("publisher",), settings, folder / "publisher.log", theirs))
    process.start()
    theirs.close()
    try:
        assert ours.poll(PATIENCE_S), "the publisher does not start"
        yield
    finally:
        process.terminate()
        process.join()
