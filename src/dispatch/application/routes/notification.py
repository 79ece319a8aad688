"""Notification: a message that is ready as it comes, past the consent gate to one address, and its receipt."""

from dispatch.application.ports.providers import Channel, Message
from dispatch.application.routes.route import Route
from dispatch.application.stages.stage import Task
from dispatch.domain.job.state import Job

ROUTE = ("clear", "dispatch", "confirm")
TEMPLATE = "notification.v1"


def channel(job: Job) -> Channel:
    """The one that it names."""
    return Channel(job.channel)


def message(task: Task) -> Message:
    """What the dispatch stage sends for a job that names its channel."""
    person, by = task.job.person, channel(task.job)
    to = {Channel.EMAIL: person.email, Channel.SMS: person.phone, Channel.PUSH: person.device}[by]
    known = {"name": person.name, "subject": person.subject, "content": person.content}
    return Message(
        idempotency_key=task.idempotency_key,
        channel=by,
        to=to,
        template=TEMPLATE,
        variables={name: value for name, value in known.items() if value},
    )


route = Route(name="notification", stages=ROUTE, is_for=lambda job: bool(job.channel), message=message, channel=channel)
