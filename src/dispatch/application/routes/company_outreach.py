"""Company outreach: a number, three slots, a person found and verified for each, and one message to one of them."""

from dispatch.application.company import CHOOSE, COMPANY_NAME, ENRICH, PROMOTE, SLOTS, VALIDATE, VERIFY, is_company
from dispatch.application.ports.providers import Channel, Message
from dispatch.application.routes.route import Route
from dispatch.application.stages.stage import Task
from dispatch.domain.job.state import Job

TEMPLATE = "company_outreach.v1"


def channel(job: Job) -> Channel:
    """As was chosen with the person."""
    return Channel(str(job.outputs.get(CHOOSE, {}).get("channel", Channel.EMAIL.value)))


def message(task: Task) -> Message:
    """To the holder of the chosen role, or to the contact that the row named (position 0)."""
    job, chosen, by = task.job, task.job.outputs[CHOOSE], channel(task.job)
    person = next((slot for slot in job.person.slots if slot.position == chosen["position"]), job.person)
    return Message(
        idempotency_key=task.idempotency_key,
        channel=by,
        to=person.email if by is Channel.EMAIL else person.phone,
        template=job.details.get("template", TEMPLATE),
        variables={
            "company": job.details.get(COMPANY_NAME, ""),
            "company_number": str(job.outputs.get(PROMOTE, {}).get("identifier", "")),
            "name": person.name,
            "role": str(chosen["role"]),
            "website": job.reference,
        },
    )


def refused(job: Job) -> frozenset[str]:
    """Of those who were refused: two roles may have one mailbox."""
    gone = {int(one.recipient.partition(" ")[0]) for one in job.refused}
    addresses = [slot.email for slot in job.person.slots if slot.position in gone]
    addresses += [job.person.email, job.person.phone] if 0 in gone else []
    return frozenset(address.casefold() for address in addresses if address)


route = Route(
    name="company-outreach",
    stages=(VALIDATE, PROMOTE, SLOTS, ENRICH, VERIFY, "clear", CHOOSE, "dispatch", "confirm"),
    is_for=is_company,
    message=message,
    channel=channel,
    refused=refused,
)
