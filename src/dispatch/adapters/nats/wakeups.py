"""Wake-ups between processes: "the ledger has grown", and by what. Coalesced, and never relied upon: followers poll."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from dispatch.adapters.nats.streams import ADVANCED_SUBJECT
from dispatch.adapters.nats.told import Part, part_of
from dispatch.application.ports.ledger import Advance

_PARTS = msgspec.json.Decoder(list[Part])
BYTES_MAX = 256 << 10
"""What is longer than that (NATS takes 1 MiB by default) is not told but read."""
Hear = Callable[[Sequence[Part]], None]


class Wakeups:
    """Announces appends of this process and hears those of all. Bells say that there is something else to be done."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._parts: list[Part] = []
        self._saying = threading.Lock()
        self._listeners: list[tuple[asyncio.Event, Hear | None]] = []
        self._publishing: set[asyncio.Future[None]] = set()

    def announce(self, advance: Advance) -> None:
        """Say that the ledger has grown; from any thread, returns at once."""
        part = part_of(advance)
        with self._saying:
            self._parts.append(part)
            is_first = len(self._parts) == 1
        if is_first and not self._loop.is_closed():
            with suppress(RuntimeError):  # The loop was closed meanwhile: nobody is left to be woken.
                self._loop.call_soon_threadsafe(self._publish_soon)

    async def listen(self, hear: Hear | None = None) -> asyncio.Event:
        """An event of the listener's own, set whenever the ledger has grown; it clears the event before it looks.

        `hear` is told by what, before the event is set; it may be told the same twice.
        """
        event = asyncio.Event()

        async def on_message(message: Msg) -> None:
            if hear is not None:
                with suppress(msgspec.MsgspecError):  # Said by another version of dispatch: what came is read.
                    hear(_PARTS.decode(message.data))
            event.set()

        await self._client.subscribe(ADVANCED_SUBJECT, cb=on_message)
        self._listeners.append((event, hear))
        return event

    async def bell(self, subject: str) -> asyncio.Event:
        """An event that is set whenever somebody rings."""
        event = asyncio.Event()

        async def on_message(message: Msg) -> None:
            event.set()

        await self._client.subscribe(subject, cb=on_message)
        return event

    async def ring(self, subject: str) -> None:
        """Set the events of all who hear this bell, in every process."""
        with suppress(NatsError, TimeoutError):  # They look by themselves, too.
            await self._client.publish(subject)

    def _publish_soon(self) -> None:
        with self._saying:
            parts, self._parts = self._parts, []
        for event, hear in self._listeners:
            if hear is not None:
                hear(parts)
            event.set()
        if self._client.is_connected:
            publishing = asyncio.ensure_future(self._publish(parts))
            self._publishing.add(publishing)
            publishing.add_done_callback(self._publishing.discard)

    async def _publish(self, parts: list[Part]) -> None:
        said = msgspec.json.encode(parts)
        if len(said) > BYTES_MAX:
            said = msgspec.json.encode([Part(0, parts[-1].head)])
        try:
            await self._client.publish(ADVANCED_SUBJECT, said)
        except (NatsError, TimeoutError):
            return  # Followers poll.
