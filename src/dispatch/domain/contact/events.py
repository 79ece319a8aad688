"""What has happened to a contact. Names and fields are stored: extend them, never rename."""

from datetime import datetime

import msgspec


class ContactEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about one address; its id is a keyed hash, which says nothing without the key."""

    contact_id: str
    at: datetime


class SubjectErased(ContactEvent, frozen=True, kw_only=True):
    """The keys of the persons of these jobs were destroyed: what the ledger holds of them cannot be read again."""

    by: str
    reason: str
    jobs: tuple[str, ...]


Event = SubjectErased
