"""What deciding about a contact needs to know."""

import msgspec

from dispatch.domain.contact.events import Event, SubjectErased


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A contact as its events made it."""

    erased: tuple[str, ...] = ()
    """The jobs whose persons were erased, in the order of the erasures."""


def evolve(contact: Contact, event: Event) -> Contact:
    """The contact after this event."""
    match event:
        case SubjectErased(jobs=jobs):
            return Contact(erased=contact.erased + jobs)
