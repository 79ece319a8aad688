"""Dispatch: the offer, or the notification, goes to the person, once."""

from dispatch.application.ports.providers import Channel, Message, Providers, Verdict
from dispatch.application.routes import notification
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import Done, Outcome
from dispatch.domain.job.state import Job
from dispatch.domain.money import pounds

TEMPLATE = "service_job_offer.v1"


async def dispatch(task: Task, providers: Providers) -> Outcome:
    """Send under the job's one key: a provider that honours keys sends at most once, however often we ask."""
    message = notification.message(task) if task.job.channel else _offer(task)
    message_id = await providers.notifier.send(message)
    return Done({"message_id": message_id, "channel": message.channel.value})


def _offer(task: Task) -> Message:
    job = task.job
    channel = _channel(job)
    return Message(
        idempotency_key=task.idempotency_key,
        channel=channel,
        to=job.person.email if channel is Channel.EMAIL else job.person.phone,
        template=job.details.get("template", TEMPLATE),
        variables=_variables(job),
    )


def _channel(job: Job) -> Channel:
    """E-mail where it can be delivered, a text message otherwise."""
    verdict = job.outputs.get("verify", {}).get("verdict")
    return Channel.EMAIL if job.person.email and verdict != Verdict.INVALID.value else Channel.SMS


def channel_of(job: Job) -> str:
    """By which channel the job's message goes."""
    return job.channel or _channel(job).value


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


stage = ProviderStage(
    name="dispatch",
    after="clear",
    call=dispatch,
    provider="notifier",
    channel=channel_of,
    acts=True,
    reads_person=True,
)
