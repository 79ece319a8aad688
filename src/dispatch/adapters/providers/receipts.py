"""Asks notifiers what became of messages, so many a second and no more, for a reconciliation."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from dispatch.application.ports.providers import Notifier, ProviderRefused, ProviderUnavailable
from dispatch.domain.job.receipt_status import ReceiptStatus

OpenNotifier = Callable[[], AbstractAsyncContextManager[Notifier]]


class PacedReceipts:
    """Implements the port `ReceiptSource`. For callers without an event loop; each call opens its own connections.

    `notifiers` are in the order in which they are declared; the rate is that of each of them.
    """

    def __init__(self, notifiers: Mapping[str, OpenNotifier], per_s: float) -> None:
        self._notifiers, self._pause_s = notifiers, 1 / per_s

    def __call__(self, provider: str, message_ids: Sequence[str]) -> Mapping[str, ReceiptStatus | str] | None:
        open_notifier = self._notifiers.get(provider or next(iter(self._notifiers)))
        return None if open_notifier is None else asyncio.run(self._ask(open_notifier, message_ids))

    async def _ask(self, open_notifier: OpenNotifier, message_ids: Sequence[str]) -> dict[str, ReceiptStatus | str]:
        answers: dict[str, ReceiptStatus | str] = {}
        async with open_notifier() as notifier:
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
