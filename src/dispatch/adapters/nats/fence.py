"""The end of a stream as its one writer knows it, expected at every message so that nobody gets in between unseen."""

from collections.abc import Mapping
from uuid import uuid4

from nats.js import JetStreamContext
from nats.js.api import StreamInfo

from dispatch.adapters.nats.streams import last_message_headers

MESSAGE_ID = "Nats-Msg-Id"
EXPECTED_LAST = "Nats-Expected-Last-Msg-Id"
EXPECTED_SEQUENCE = "Nats-Expected-Last-Sequence"


class CursorLost(Exception):
    """The stream does not end with what this writer published: it was wiped, or another one is at it."""


class Fence:
    """Gives every message an id of its own and the end of the stream that it has to follow.

    The number of the last message fences an empty stream too, its id a stream that is a new one of the same length.
    """

    def __init__(self, js: JetStreamContext, stream: str) -> None:
        self._js, self._stream = js, stream
        self._take, self._count = "", 0
        self._last_id: str | None = None
        self.last_sequence = 0

    async def take_up(self) -> Mapping[str, str]:
        """Begin behind what is there; answers the headers of the last message, none where there is none."""
        info = await self._js.stream_info(self._stream)
        headers = await last_message_headers(self._js, self._stream, info) or {}
        self.last_sequence, self._last_id = info.state.last_seq, headers.get(MESSAGE_ID)
        # New ids each time: JetStream remembers those of messages that are gone, and another writer counts as we do.
        self._take, self._count = uuid4().hex, 0
        return headers

    def headers(self) -> dict[str, str]:
        """The headers of the message to come; the same again until one is said to be `written`."""
        expected = {} if self._last_id is None else {EXPECTED_LAST: self._last_id}
        return {MESSAGE_ID: self._next_id(), EXPECTED_SEQUENCE: str(self.last_sequence), **expected}

    def written(self) -> None:
        """The message with the last `headers` is on its way, and the next one is to follow it."""
        self._last_id = self._next_id()
        self._count += 1
        self.last_sequence += 1

    async def check(self, *, expires: bool = False) -> StreamInfo:
        """Look whether the stream ends where we think; one that `expires` may have become empty. Raises CursorLost."""
        info = await self._js.stream_info(self._stream)
        headers = await last_message_headers(self._js, self._stream, info)
        if info.state.last_seq != self.last_sequence:
            raise CursorLost
        if (headers or {}).get(MESSAGE_ID) != self._last_id and not (expires and not info.state.messages):
            raise CursorLost
        return info

    def _next_id(self) -> str:
        return f"{self._take}.{self._count + 1}"
