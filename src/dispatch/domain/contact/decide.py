"""The rules of contacts."""

from dispatch.domain.contact.commands import Command
from dispatch.domain.contact.events import Event, SubjectErased
from dispatch.domain.contact.state import Contact, evolve
from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError


class ContactUnknown(DomainError):
    """Nothing that can be read is known of this address."""

    code = "contact_unknown"


class ReasonMissing(DomainError):
    """An erasure needs a reason: it is kept in the ledger when all else is gone."""

    code = "reason_missing"


def decide(command: Command, contact: Contact) -> list[Event]:
    """The events that this command makes of this contact; none when it was carried out before.

    Raises:
        ContactUnknown, ReasonMissing: the command breaks a rule.
    """
    if not command.reason.strip():
        raise ReasonMissing
    jobs = tuple(job for job in command.jobs if job not in contact.erased)
    if not jobs:
        if contact.erased:
            return []
        raise ContactUnknown
    return [
        SubjectErased(
            contact_id=command.contact_id, at=command.at, by=command.by, reason=command.reason.strip(), jobs=jobs
        )
    ]


decider: Decider[Command, Event, Contact] = Decider(initial=Contact, decide=decide, evolve=evolve)
