"""Providers outside: who knows a contact, who checks an address, who carries a message.

They are called concurrently and outside any transaction, so these ports are asynchronous.
"""

from enum import StrEnum
from typing import Protocol

import msgspec


class ProviderUnavailable(Exception):
    """An accident that may pass: time-out, refused connection, 408, 425, 429 or 5xx, garbage in the answer."""

    def __init__(self, code: str, retry_after_s: float | None = None) -> None:
        super().__init__(code)
        self.code, self.retry_after_s = code, retry_after_s


class ProviderRefused(Exception):
    """The provider said no, and will say so again."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class FoundContact(msgspec.Struct, frozen=True, kw_only=True):
    """What a finder knows about how to reach someone; empty where it knows nothing."""

    email: str = ""
    phone: str = ""
    source: str = ""


class Verdict(StrEnum):
    """Can an address be delivered to? (acceptance S.11)"""

    VALID = "valid"
    INVALID = "invalid"
    RISKY = "risky"
    UNKNOWN = "unknown"


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one person, under the key that makes it one effect."""

    idempotency_key: str
    channel: Channel
    to: str
    template: str
    variables: dict[str, str]


class ReceiptStatus(StrEnum):
    """What became of a message that a provider accepted."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class ContactFinder(Protocol):
    """Finds how to reach the person behind a reference."""

    async def find(self, reference: str, name: str, postcode: str, email: str, phone: str) -> FoundContact:
        """Raises ProviderUnavailable, or ProviderRefused (`no_such_contact`)."""
        ...


class EmailVerifier(Protocol):
    """Says whether an address can be delivered to."""

    async def verdict(self, email: str) -> Verdict:
        """Raises ProviderUnavailable or ProviderRefused."""
        ...


class Notifier(Protocol):
    """Carries messages. It honours idempotency keys: the same key again is the same message."""

    async def send(self, message: Message) -> str:
        """The provider's id of the accepted message. Raises ProviderUnavailable or ProviderRefused."""
        ...

    async def receipt(self, message_id: str) -> ReceiptStatus:
        """What became of it. Raises ProviderUnavailable or ProviderRefused."""
        ...


class Providers(msgspec.Struct, frozen=True):
    """The providers that stages may call."""

    contact_finder: ContactFinder
    email_verifier: EmailVerifier
    notifier: Notifier
