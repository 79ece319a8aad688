"""A connection to NATS that reconnects for ever and says so in one log line instead of a traceback."""

from collections.abc import Callable

import structlog
from nats.aio.client import Client

log = structlog.get_logger(__name__)


async def connect(url: str, *, name: str, on_closed: Callable[[], None] = lambda: None) -> Client:
    """Connect, waiting for the server as long as it takes.

    `on_closed` is told when the connection will not come back: the server refused us later on, or we closed it.

    Raises:
        nats.errors.Error: the server refuses us (credentials, version).
    """
    client = Client()

    async def on_error(error: Exception) -> None:
        log.warning("nats.error", error=type(error).__name__)

    async def on_disconnect() -> None:
        if not client.is_closed and not client.is_draining:
            log.warning("nats.disconnected")

    async def on_reconnect() -> None:
        log.info("nats.reconnected")

    async def on_close() -> None:
        on_closed()

    await client.connect(
        url,
        name=name,
        error_cb=on_error,
        disconnected_cb=on_disconnect,
        reconnected_cb=on_reconnect,
        closed_cb=on_close,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        allow_reconnect=True,
    )
    return client
