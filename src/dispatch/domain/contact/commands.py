"""What may be asked about a contact."""

from datetime import datetime

import msgspec


class EraseSubject(msgspec.Struct, frozen=True, kw_only=True):
    """Make what is known of the person behind this address unreadable, for good (UK GDPR, article 17)."""

    contact_id: str
    at: datetime
    by: str
    reason: str
    jobs: tuple[str, ...]
    """The jobs whose persons can still be read and have this address."""


Command = EraseSubject
