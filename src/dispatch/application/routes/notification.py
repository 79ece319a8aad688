"""Notification: a message that is ready as it comes, past the consent gate to one address, and its receipt."""

from dispatch.application.ports.providers import Channel, Message
from dispatch.application.stages.stage import Task

ROUTE = ("clear", "dispatch", "confirm")
TEMPLATE = "notification.v1"


def message(task: Task) -> Message:
    """What the dispatch stage sends for a job that names its channel."""
    person, channel = task.job.person, Channel(task.job.channel)
    to = {Channel.EMAIL: person.email, Channel.SMS: person.phone, Channel.PUSH: person.device}[channel]
    known = {"name": person.name, "subject": person.subject, "content": person.content}
    return Message(
        idempotency_key=task.idempotency_key,
        channel=channel,
        to=to,
        template=TEMPLATE,
        variables={name: value for name, value in known.items() if value},
    )
