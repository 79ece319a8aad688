"""Leadership by advisory lock: one active relay or sealer, and standbys for when its connection is gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import structlog

from dispatch.adapters.postgres.locks import Lock

log = structlog.get_logger(__name__)

KEYS = {
    "relay": Lock.LEAD_RELAY,
    "publisher": Lock.LEAD_PUBLISHER,
    "sealer": Lock.LEAD_SEALER,
    "sources": Lock.LEAD_SOURCES,
    "outbox": Lock.LEAD_OUTBOX,
    "webhooks": Lock.LEAD_WEBHOOKS,
}
ASK_EVERY_S = 1.0
CHECK_EVERY_S = 2.0
SILENT_MAX_S = 10
"""After so long without a word Postgres ends the leader's session, and the leader believes that it has."""


@asynccontextmanager
async def leadership(url: str, role: str, stop: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """Wait until this process leads, then give an event that is set when it leads no more, or is to stop.

    The lock lives with its connection: when Postgres believes us dead, another one leads. Whoever leads must be fenced
    by what it writes to, because two may believe it for a moment.
    """
    connection = await _acquire(url, role, stop)
    over = asyncio.Event()
    watch = asyncio.ensure_future(_watch(connection, role, stop, over))
    try:
        yield over
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        if connection is not None:
            await connection.close()


async def _acquire(url: str, role: str, stop: asyncio.Event) -> psycopg.AsyncConnection | None:
    while not stop.is_set():
        try:
            async with contextlib.AsyncExitStack() as unless_taken:
                connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=SILENT_MAX_S)
                unless_taken.push_async_callback(connection.close)
                await connection.execute(f"SET idle_session_timeout = '{SILENT_MAX_S}s'")
                cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (KEYS[role],))
                if await cursor.fetchone() == (True,):
                    log.info("leadership.taken", leader=role)
                    unless_taken.pop_all()
                    return connection
        except psycopg.OperationalError as accident:
            log.warning("leadership.interrupted", leader=role, accident=type(accident).__name__)
        await _wait(stop, ASK_EVERY_S)
    return None


async def _watch(
    connection: psycopg.AsyncConnection | None, role: str, stop: asyncio.Event, over: asyncio.Event
) -> None:
    try:
        while connection is not None and not stop.is_set():
            async with asyncio.timeout(SILENT_MAX_S):
                await connection.execute("SELECT 1")
            await _wait(stop, CHECK_EVERY_S)
    except (psycopg.Error, TimeoutError) as accident:
        log.warning("leadership.lost", leader=role, accident=type(accident).__name__)
    finally:
        over.set()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
