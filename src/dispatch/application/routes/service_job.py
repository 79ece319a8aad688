"""Service job: a person is offered fixed-price work and three arrival windows."""

from dispatch.application.ports.providers import Channel, Message, Verdict
from dispatch.application.routes.route import Route
from dispatch.application.stages.stage import Task
from dispatch.domain.job.state import Job
from dispatch.domain.money import pounds

TEMPLATE = "service_job_offer.v1"


def channel(job: Job) -> Channel:
    """E-mail where it can be delivered, a text message otherwise."""
    verdict = job.outputs.get("verify", {}).get("verdict")
    return Channel.EMAIL if job.person.email and verdict != Verdict.INVALID.value else Channel.SMS


def message(task: Task) -> Message:
    """The offer."""
    job, by = task.job, channel(task.job)
    return Message(
        idempotency_key=task.idempotency_key,
        channel=by,
        to=job.person.email if by is Channel.EMAIL else job.person.phone,
        template=job.details.get("template", TEMPLATE),
        variables=_variables(job),
    )


def _variables(job: Job) -> dict[str, str]:
    offered = job.outputs.get("slots", {}).get("slots")
    company = job.details.get("company_name", "")
    return ({"company": company} if company else {}) | {
        "name": job.person.name,
        "reference": job.reference,
        "job_number": str(job.outputs.get("promote", {}).get("job_number", "")),
        "service": job.service,
        "price": pounds(job.price_pence) if job.price_pence else "",
        "slots": ", ".join(offered) if isinstance(offered, list) else "",
    }


route = Route(
    name="service-job",
    stages=("validate", "promote", "slots", "enrich", "verify", "clear", "dispatch", "confirm"),
    is_for=lambda job: not job.channel,
    message=message,
    channel=channel,
)
