"""Messages published all or none: JetStream's atomic batches (NATS 2.12; ADR-50 of nats-architecture-and-design).

One acknowledgement and one sync of the disk for up to a thousand messages, which appear in the stream together (0035).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import uuid4

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.errors import APIError, NoStreamResponseError

MESSAGES_MAX = 1_000
"""The server takes no more in a batch."""
BYTES_MAX = 4 << 20
"""Of data in a batch; the server keeps it in memory until it is whole."""

_BATCH_ID, _BATCH_SEQUENCE, _BATCH_COMMIT = "Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit"
_NO_RESPONDERS = "503"


class Message(NamedTuple):
    """One message to be published."""

    subject: str
    headers: dict[str, str]
    data: bytes


class Batches:
    """Publishes batches, one after the other, to a stream that allows them; `close` when it is done."""

    def __init__(self, client: Client, *, within_s: float) -> None:
        self._client, self._within_s = client, within_s
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._number = 0
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Have them stored, in order, all or none. A single one goes without a batch.

        Raises:
            APIError: why the stream refuses.
            NoStreamResponseError: there is no such stream.
            TimeoutError: no answer came in time; they may have been stored.
        """
        if self._subscription is None:
            self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._on_answer)
        self._number += 1  # An answer to an earlier batch says nothing about this one.
        self._answered = asyncio.get_running_loop().create_future()
        reply = f"{self._inbox}.{self._number}"
        *before, last = messages if len(messages) == 1 else _as_batch(messages)
        async with asyncio.timeout(self._within_s):
            for message in before:
                await self._client.publish(message.subject, message.data, headers=message.headers)
            await self._client.publish(last.subject, last.data, reply=reply, headers=last.headers)
            await self._answered

    async def close(self) -> None:
        """Listen to answers no more."""
        if self._subscription is not None:
            with suppress(Exception):  # The connection is gone, and the subscription with it.
                await self._subscription.unsubscribe()

    async def _on_answer(self, message: Msg) -> None:
        if message.subject != f"{self._inbox}.{self._number}" or self._answered.done():
            return
        if (message.headers or {}).get("Status") == _NO_RESPONDERS:
            self._answered.set_exception(NoStreamResponseError())
            return
        answer = msgspec.json.decode(message.data)
        if "error" not in answer:
            self._answered.set_result(None)
            return
        try:
            APIError.from_error(answer["error"])
        except APIError as refusal:
            self._answered.set_exception(refusal)


def _as_batch(messages: Sequence[Message]) -> list[Message]:
    batch = {_BATCH_ID: uuid4().hex}
    made = [
        Message(message.subject, {**message.headers, **batch, _BATCH_SEQUENCE: str(number)}, message.data)
        for number, message in enumerate(messages, 1)
    ]
    made[-1].headers[_BATCH_COMMIT] = "1"
    return made


def in_batches(messages: Sequence[Message]) -> list[Sequence[Message]]:
    """The messages in order, as many to a batch as the server takes."""
    batches: list[Sequence[Message]] = []
    start = size_bytes = 0
    for place, message in enumerate(messages):
        size_bytes += len(message.data)
        if place > start and (place - start == MESSAGES_MAX or size_bytes > BYTES_MAX):
            batches.append(messages[start:place])
            start, size_bytes = place, len(message.data)
    if start < len(messages):
        batches.append(messages[start:])
    return batches
