"""Providers outside: who knows a contact, who checks an address, who carries a message.

They are called concurrently and outside any transaction, so these ports are asynchronous.
"""

from enum import StrEnum
from typing import Protocol

import msgspec

from dispatch.domain.job.receipt_status import ReceiptStatus


class ProviderUnavailable(Exception):
    """An accident that may pass: time-out, refused connection, 408, 425, 429 or 5xx, garbage in the answer.

    `no_effect`: it surely did nothing, so that another provider may be asked in its place at once.
    `message`: what it said, normalised, and without a word of what it was asked about a person.
    """

    def __init__(
        self, code: str, retry_after_s: float | None = None, *, no_effect: bool = False, message: str = ""
    ) -> None:
        super().__init__(code)
        self.code, self.retry_after_s, self.no_effect, self.message = code, retry_after_s, no_effect, message


class ProviderRefused(Exception):
    """The provider said no, and will say so again."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message

    @property
    def of_us(self) -> bool:
        """Does it refuse us altogether, whatever we ask? Then the job is not at fault."""
        return self.code in REFUSES_US


REFUSES_US = frozenset({"bad_credentials", "http_401", "http_402", "http_403", "out_of_credit"})
"""Codes of a provider that serves us no more: a wrong key, an empty account."""


class FoundContact(msgspec.Struct, frozen=True, kw_only=True):
    """What a finder knows about how to reach someone; empty where it knows nothing."""

    email: str = ""
    phone: str = ""
    source: str = ""


class FoundPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a role, as far as a finder knows; empty where it knows nothing."""

    name: str = ""
    email: str = ""
    phone: str = ""
    profile_url: str = ""
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


class ContactFinder(Protocol):
    """Finds how to reach the person behind a reference, or in a role at a company."""

    async def find(self, reference: str, name: str, postcode: str, email: str, phone: str) -> FoundContact:
        """Raises ProviderUnavailable, or ProviderRefused (`no_such_contact`)."""
        ...

    async def find_in_role(self, website: str, company: str, role: str) -> FoundPerson:
        """Who holds this role at a company. Raises ProviderUnavailable, or ProviderRefused (`no_such_contact`)."""
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

    async def lookup(self, idempotency_key: str) -> str | None:
        """The id of the message that was accepted under this key; None where there is none.

        Raises ProviderUnavailable or ProviderRefused.
        """
        ...

    async def receipt(self, message_id: str) -> ReceiptStatus:
        """What became of it. Raises ProviderUnavailable or ProviderRefused."""
        ...


class Providers(msgspec.Struct, frozen=True):
    """The providers that stages may call."""

    contact_finder: ContactFinder
    email_verifier: EmailVerifier
    notifier: Notifier
