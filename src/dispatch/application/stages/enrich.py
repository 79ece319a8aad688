"""Enrich: complete how to reach the person."""

from msgspec.structs import replace

from dispatch.application.ports.providers import Providers
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import Done, Outcome


async def enrich(task: Task, providers: Providers) -> Outcome:
    """What the row said wins; the finder fills in what it left out."""
    person = task.job.person
    found = await providers.contact_finder.find(
        task.job.reference, person.name, person.postcode, person.email, person.phone
    )
    known = replace(person, email=person.email or found.email, phone=person.phone or found.phone)
    return Done({"source": found.source}, person=known if known != person else None)


stage = ProviderStage(name="enrich", after="slots", call=enrich, provider="contact_finder", reads_person=True)
