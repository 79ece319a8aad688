"""What an operator asks of the NATS server: does it answer, and is JetStream on?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from dispatch.adapters.nats.relay import THROUGH
from dispatch.adapters.nats.streams import OLDEST_SERVER, WORK_STREAM, consumer_name, last_message_headers, version_text
from dispatch.application.ports.reconciling import QueueFacts, StreamFacts

TIMEOUT_S = 3


class NatsFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A NATS server as a client of ours meets it."""

    version: str
    jetstream: bool
    streams: int
    needed: str = ""  # The version that is needed, where the server is older.


class NatsSilent(Exception):
    """The NATS server does not answer, or refuses us."""


async def inspect_nats(url: str) -> NatsFacts:
    """Ask the server once, without waiting for it to come. Raises NatsSilent within some seconds."""
    async with _connected(url) as client:
        server = client.connected_server_version
        version = version_text((server.major, server.minor, server.patch))
        needed = version_text(OLDEST_SERVER) if (server.major, server.minor) < OLDEST_SERVER else ""
        try:
            account = await client.jetstream(timeout=TIMEOUT_S).account_info()
        except (JetStreamError, NatsError, TimeoutError):
            return NatsFacts(version=version, jetstream=False, streams=0, needed=needed)
        return NatsFacts(version=version, jetstream=True, streams=account.streams, needed=needed)


async def inspect_work(url: str, queues: Sequence[str]) -> StreamFacts:
    """How far the relay has come, and what each queue holds. Raises NatsSilent within some seconds."""
    async with _connected(url) as client:
        js = client.jetstream(timeout=TIMEOUT_S)
        found: dict[str, QueueFacts] = {}
        try:
            headers = await last_message_headers(js) or {}
            for queue in queues:
                try:
                    info = await js.consumer_info(WORK_STREAM, consumer_name(queue))
                except NotFoundError:
                    continue  # Nobody has worked there yet.
                found[queue] = QueueFacts(waiting=info.num_pending or 0, in_hand=info.num_ack_pending or 0)
        except NotFoundError:
            return StreamFacts(exists=False)
        except (JetStreamError, NatsError, TimeoutError) as error:
            raise NatsSilent(str(error) or type(error).__name__) from error
        return StreamFacts(exists=True, through=int(headers.get(THROUGH, 0)), queues=found)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Client]:
    client, errors = Client(), []

    async def on_error(error: Exception) -> None:
        errors.append(error)  # The library's default prints a traceback.

    try:
        async with asyncio.timeout(TIMEOUT_S):  # The library tries for minutes, whatever it is told.
            await client.connect(url, name="dispatch-doctor", error_cb=on_error, allow_reconnect=False)
    except (NatsError, OSError, TimeoutError) as error:
        raise NatsSilent(str(next(iter(errors), error)) or type(error).__name__) from error
    try:
        yield client
    finally:
        await client.close()
