"""The end of a stream as its one writer knows it, expected whenever it writes so that nobody gets in between unseen."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from nats.js import JetStreamContext
from nats.js.api import StreamInfo

from dispatch.adapters.nats.batches import Batches, Message
from dispatch.adapters.nats.streams import last_message_headers

MESSAGE_ID = "Nats-Msg-Id"
EXPECTED_LAST = "Nats-Expected-Last-Msg-Id"
EXPECTED_SEQUENCE = "Nats-Expected-Last-Sequence"
EXPECTED_STREAM = "Nats-Expected-Stream"


class CursorLost(Exception):
    """The stream does not end with what this writer published: it was wiped, or another one is at it."""


class StreamReplaced(CursorLost):
    """Somebody has deleted the stream and made it again: what stands before our last messages is not known."""


class Fence:
    """Publishes to a stream that ends where this writer thinks, and to no other.

    The number of the last message is expected, and its id as well where one message goes alone: a batch may not expect
    an id. That a stream is another one of the same length, `check` sees by the time at which it was made.
    """

    def __init__(self, js: JetStreamContext, stream: str, batches: Batches) -> None:
        self._js, self._stream, self._batches = js, stream, batches
        self._take, self._count = "", 0
        self._last_id: str | None = None
        self._made_at: datetime | None = None
        self.last_sequence = 0

    async def take_up(self) -> Mapping[str, str]:
        """Begin behind what is there; answers the headers of the last message, none where there is none."""
        info = await self._js.stream_info(self._stream)
        headers = await last_message_headers(self._js, self._stream, info) or {}
        self.last_sequence, self._last_id = info.state.last_seq, headers.get(MESSAGE_ID)
        self._made_at = info.created
        # New ids each time: JetStream remembers those of messages that are gone, and another writer counts as we do.
        self._take, self._count = uuid4().hex, 0
        return headers

    async def publish(self, messages: Sequence[Message]) -> None:
        """Write these behind the end, all or none. Raises as `Batches.publish`; after a refusal nothing has changed."""
        fenced = [
            Message(subject, {**headers, MESSAGE_ID: f"{self._take}.{number}", EXPECTED_STREAM: self._stream}, data)
            for number, (subject, headers, data) in enumerate(messages, self._count + 1)
        ]
        fenced[0].headers[EXPECTED_SEQUENCE] = str(self.last_sequence)
        if len(messages) == 1 and self._last_id is not None:
            fenced[0].headers[EXPECTED_LAST] = self._last_id
        await self._batches.publish(fenced)
        self._count += len(messages)
        self._last_id = f"{self._take}.{self._count}"
        self.last_sequence += len(messages)

    async def check(self, *, expires: bool = False) -> StreamInfo:
        """Look whether the stream ends where we think; one that `expires` may have become empty.

        Raises:
            CursorLost: it does not.
            StreamReplaced: it does, or does not, and is not the one that we took up.
        """
        info = await self._js.stream_info(self._stream)
        headers = await last_message_headers(self._js, self._stream, info)
        if info.created != self._made_at:
            raise StreamReplaced
        if info.state.last_seq != self.last_sequence:
            raise CursorLost
        if (headers or {}).get(MESSAGE_ID) != self._last_id and not (expires and not info.state.messages):
            raise CursorLost
        return info
