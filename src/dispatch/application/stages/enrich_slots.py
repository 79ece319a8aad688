"""Enrich slots: a person for each role, found one after the other (acceptance 2.11)."""

from msgspec.structs import replace

from dispatch.application.company import COMPANY_NAME, COMPLETED, ENRICH, NOT_FOUND, ROLES, SLOTS, roles_of, texts
from dispatch.application.ports.providers import FoundPerson, ProviderRefused, Providers
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import Done, Outcome, Progressed
from dispatch.domain.job.events import Output
from dispatch.domain.person import Person, SlotPerson

NOBODY = frozenset({"no_such_contact", "http_404"})


async def enrich_slots(task: Task, providers: Providers) -> Outcome:
    """One slot at a time, so that what was found, and paid for, is recorded before the next is asked about.

    That nobody is known for a role is an answer: the others go on.
    """
    job, roles, so_far = task.job, roles_of(task.job), task.job.outputs.get(ENRICH, {})
    status = texts(so_far, "status")
    position = len(status) + 1
    role = roles[position - 1]
    try:
        found = await providers.contact_finder.find_in_role(job.reference, job.details.get(COMPANY_NAME, ""), role)
    except ProviderRefused as refusal:
        if refusal.code not in NOBODY:
            raise
        found = FoundPerson()
    status.append(COMPLETED if found.name or found.email else NOT_FOUND)
    output: Output = {
        "status": status,
        "source": [*texts(so_far, "source"), found.source or task.provider],
        "enriched_at": [*texts(so_far, "enriched_at"), task.at.isoformat()],
        "found": status.count(COMPLETED),
    }
    person = _with(job.person, position, role, found) if status[-1] == COMPLETED else None
    return Done(output, person) if position == len(roles) else Progressed(output, person)


def _with(person: Person, position: int, role: str, found: FoundPerson) -> Person:
    others = tuple(slot for slot in person.slots if slot.position < position)
    filled = SlotPerson(
        position=position,
        role=role,
        name=found.name,
        email=found.email,
        phone=found.phone,
        profile_url=found.profile_url,
    )
    return replace(person, slots=(*others, filled))


stage = ProviderStage(
    name=ENRICH, after=SLOTS, call=enrich_slots, provider="contact_finder", reads_person=True, parts=len(ROLES)
)
