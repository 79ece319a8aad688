"""A provider that may be called: what is declared about it, and the ports behind which it is."""

from enum import StrEnum

import msgspec

from dispatch.application.calling.asking import asking
from dispatch.application.ports.providers import Providers
from dispatch.domain.gcra import Rate


class Capability(StrEnum):
    """What a provider does; stages name the one that they need."""

    CONTACT_FINDER = "contact_finder"
    EMAIL_VERIFIER = "email_verifier"
    NOTIFIER = "notifier"


class InDoubt(StrEnum):
    """What to do where a provider may have acted and its answer is not known."""

    REPEAT = "repeat"  # Call again with the same idempotency key: it honours keys.
    ASK = "ask"  # Ask by the key whether it has acted, and call again only where it has not.
    PERSON = "person"  # It honours no keys and cannot be asked: a person finds out.


class ReceiptsBy(StrEnum):
    """How it becomes known what a provider has made of a message."""

    ASK = "ask"  # `confirm` asks; a signed receipt that comes before is used as well.
    WEBHOOK = "webhook"  # The provider sends it; where none comes in time, a person finds out.
    BOTH = "both"  # The provider sends it; where none comes in time, it is asked.


class ProviderSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One provider as it is declared. Its name stands in the ledger, in limits and on screens."""

    name: str
    capability: Capability
    channels: tuple[str, ...] = ()  # That it carries; empty: all.
    in_flight_max: int = 250  # Calls at once, of one worker process.
    rate: Rate | None = None  # So many calls in so many seconds, of all workers together.
    price_millipence: int = 0  # Of one call, in thousandths of a penny.
    cap_millipence: int | None = None  # Spent in a day (UTC) at most.
    in_doubt: InDoubt = InDoubt.REPEAT
    receipts: ReceiptsBy = ReceiptsBy.ASK
    receipt_within_s: float = 3600.0  # So long a signed receipt is waited for.

    def serves(self, channel: str) -> bool:
        """Does it carry this channel? Any that is asked for no channel does."""
        return not channel or not self.channels or channel in self.channels


class Line(msgspec.Struct, frozen=True):
    """A provider, and what a stage is handed to call it."""

    spec: ProviderSpec
    providers: Providers
    asking: Providers  # The same, but that it asks whether it has acted before it acts: for what is in doubt.

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name


def only(providers: Providers) -> list[Line]:
    """One line per capability, under the capability's own name: what there is where nothing else is declared."""
    return [
        Line(ProviderSpec(name=capability.value, capability=capability), providers, asking(providers))
        for capability in Capability
    ]
