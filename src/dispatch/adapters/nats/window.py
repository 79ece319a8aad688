"""Publishing with a window in flight: many messages are sent without waiting in between, then all must be acknowledged.

The library's `publish_async` keeps a task and a future per message, and never says that one was refused (nats-py 2.16).
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.errors import APIError, NoStreamResponseError

from dispatch.adapters.nats.cloud_events import Message

NO_RESPONDERS = "503"


class Window:
    """The messages under way of one publisher to JetStream; `close` when it is done."""

    def __init__(self, client: Client, *, within_s: float) -> None:
        self._client, self._within_s = client, within_s
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._number, self._missing = 0, 0
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def publish(self, messages: Iterable[Message]) -> None:
        """Send them in order and wait until each is stored.

        Raises:
            APIError: what refused the first that was refused; the ones behind it may have been stored.
            NoStreamResponseError: there is no such stream.
            TimeoutError: an acknowledgement did not come in time.
        """
        if self._subscription is None:
            self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._on_answer)
        self._number += 1  # An answer to an earlier window says nothing about this one.
        self._done = asyncio.get_running_loop().create_future()
        reply = f"{self._inbox}.{self._number}"
        self._missing = 1  # Until all are sent.
        async with asyncio.timeout(self._within_s):
            for message in messages:
                self._missing += 1
                await self._client.publish(message.subject, message.data, reply=reply, headers=message.headers)
                if self._done.done():
                    break
            self._acknowledged()
            await self._done

    async def close(self) -> None:
        """Listen to answers no more."""
        if self._subscription is not None:
            with suppress(Exception):  # The connection is gone, and the subscription with it.
                await self._subscription.unsubscribe()

    async def _on_answer(self, message: Msg) -> None:
        if message.subject != f"{self._inbox}.{self._number}" or self._done.done():
            return
        if (message.headers or {}).get("Status") == NO_RESPONDERS:
            self._done.set_exception(NoStreamResponseError())
            return
        answer = msgspec.json.decode(message.data)
        if "error" not in answer:
            self._acknowledged()
            return
        try:
            APIError.from_error(answer["error"])
        except APIError as refusal:
            self._done.set_exception(refusal)

    def _acknowledged(self) -> None:
        self._missing -= 1
        if not self._missing and not self._done.done():
            self._done.set_result(None)
