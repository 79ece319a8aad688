"""What an operator asks of the NATS server: does it answer, and is JetStream on?"""

import asyncio

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

TIMEOUT_S = 3


class NatsFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A NATS server as a client of ours meets it."""

    version: str
    jetstream: bool
    streams: int


class NatsSilent(Exception):
    """The NATS server does not answer, or refuses us."""


async def inspect_nats(url: str) -> NatsFacts:
    """Ask the server once, without waiting for it to come. Raises NatsSilent within some seconds."""
    client, errors = Client(), []

    async def on_error(error: Exception) -> None:
        errors.append(error)  # The library's default prints a traceback.

    try:
        async with asyncio.timeout(TIMEOUT_S):  # The library tries for minutes, whatever it is told.
            await client.connect(url, name="dispatch-doctor", error_cb=on_error, allow_reconnect=False)
    except (NatsError, OSError, TimeoutError) as error:
        raise NatsSilent(str(next(iter(errors), error)) or type(error).__name__) from error
    try:
        server = client.connected_server_version
        version = f"{server.major}.{server.minor}.{server.patch}"
        try:
            account = await client.jetstream(timeout=TIMEOUT_S).account_info()
        except (JetStreamError, NatsError, TimeoutError):
            return NatsFacts(version=version, jetstream=False, streams=0)
        return NatsFacts(version=version, jetstream=True, streams=account.streams)
    finally:
        await client.close()
