"""What deciding about a message needs to know."""

import msgspec

from dispatch.domain.webhook.events import Event


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A message as its event made it; without a hash none was received."""

    file_hash: str = ""


def evolve(_: Webhook, event: Event) -> Webhook:
    """The message after this event."""
    return Webhook(file_hash=event.file_hash)
