"""A notifier that asks whether it has sent before it sends: for what is in doubt."""

from dispatch.application.ports.providers import Message, Notifier, Providers
from dispatch.domain.job.receipt_status import ReceiptStatus


class AskingNotifier(Notifier):
    """Sends only what was not sent under its key before."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    async def send(self, message: Message) -> str:
        return await self._notifier.lookup(message.idempotency_key) or await self._notifier.send(message)

    async def lookup(self, idempotency_key: str) -> str | None:
        return await self._notifier.lookup(idempotency_key)

    async def receipt(self, message_id: str) -> ReceiptStatus:
        return await self._notifier.receipt(message_id)


def asking(providers: Providers) -> Providers:
    """These providers, of which the one that acts asks first."""
    return Providers(providers.contact_finder, providers.email_verifier, AskingNotifier(providers.notifier))
