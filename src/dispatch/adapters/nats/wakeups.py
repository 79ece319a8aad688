"""Wake-ups between processes: "the ledger has grown". Coalesced, and never relied upon: followers also poll."""

import asyncio
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from dispatch.adapters.nats.streams import ADVANCED_SUBJECT


class Wakeups:
    """Announces appends of this process and hears those of all."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._announcing = False
        self._listeners: list[asyncio.Event] = []
        self._publishing: set[asyncio.Future[None]] = set()

    def announce(self, head: int) -> None:
        """Say that the ledger has grown to `head`; from any thread, returns at once."""
        if not self._announcing and not self._loop.is_closed():
            self._announcing = True
            with suppress(RuntimeError):  # The loop was closed meanwhile: nobody is left to be woken.
                self._loop.call_soon_threadsafe(self._publish_soon, head)

    async def listen(self) -> asyncio.Event:
        """An event of the listener's own, set whenever the ledger has grown; it clears the event before it looks."""
        event = asyncio.Event()

        async def on_message(message: Msg) -> None:
            event.set()

        await self._client.subscribe(ADVANCED_SUBJECT, cb=on_message)
        self._listeners.append(event)
        return event

    def _publish_soon(self, head: int) -> None:
        self._announcing = False
        for event in self._listeners:
            event.set()
        if self._client.is_connected:
            publishing = asyncio.ensure_future(self._publish(head))
            self._publishing.add(publishing)
            publishing.add_done_callback(self._publishing.discard)

    async def _publish(self, head: int) -> None:
        try:
            await self._client.publish(ADVANCED_SUBJECT, str(head).encode())
        except (NatsError, TimeoutError):
            return  # Followers poll.
