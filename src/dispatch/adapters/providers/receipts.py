"""Asks a notifier what became of messages, so many a second and no more, for a reconciliation."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from dispatch.application.ports.providers import Notifier, ProviderRefused, ProviderUnavailable
from dispatch.domain.job.receipt_status import ReceiptStatus


class PacedReceipts:
    """Implements the port `ReceiptSource`. For callers without an event loop; each call opens its own connections."""

    def __init__(self, open_notifier: Callable[[], AbstractAsyncContextManager[Notifier]], per_s: float) -> None:
        self._open_notifier, self._pause_s = open_notifier, 1 / per_s

    def __call__(self, message_ids: Sequence[str]) -> Mapping[str, ReceiptStatus | str]:
        return asyncio.run(self._ask(message_ids))

    async def _ask(self, message_ids: Sequence[str]) -> dict[str, ReceiptStatus | str]:
        answers: dict[str, ReceiptStatus | str] = {}
        async with self._open_notifier() as notifier:
            for message_id in message_ids:
                pause = asyncio.create_task(asyncio.sleep(self._pause_s))
                try:
                    answers[message_id] = await notifier.receipt(message_id)
                except ProviderRefused as refusal:
                    answers[message_id] = refusal.code
                except ProviderUnavailable:
                    pause.cancel()
                    break  # It is in trouble: more questions would not help it.
                await pause
        return answers
