"""Every event that the ledger can hold: a closed registry, by the names under which they are stored."""

from typing import get_args

import msgspec

from dispatch.domain.batch import events as batch
from dispatch.domain.contact import events as contact
from dispatch.domain.control import events as control
from dispatch.domain.endpoint import events as endpoint
from dispatch.domain.job import events as job
from dispatch.domain.operations import events as operations
from dispatch.domain.replay import events as replay
from dispatch.domain.source import events as source
from dispatch.domain.webhook import events as webhook

Event = (
    batch.Event
    | job.Event
    | contact.Event
    | source.Event
    | operations.Event
    | replay.Event
    | endpoint.Event
    | control.Event
    | webhook.Event
)

REGISTRY: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
"""Stored name to type. A name that is not here is an error, never an import."""


def event_name(event: Event) -> str:
    """The name under which this event is stored."""
    return type(event).__name__


def aggregate_of(event: Event) -> str:
    """Whose stream it belongs to: `batch`, `contact`, `endpoint`, `job`, `operation`, `pause`, `replay`, `source` or
    `webhook`.
    """
    if isinstance(event, job.JobEvent):
        return "job"
    if isinstance(event, source.SourceEvent):
        return "source"
    if isinstance(event, operations.OperationEvent):
        return "operation"
    if isinstance(event, replay.ReplayEvent):
        return "replay"
    if isinstance(event, endpoint.EndpointEvent):
        return "endpoint"
    if isinstance(event, control.PauseEvent):
        return "pause"
    if isinstance(event, webhook.WebhookReceived):
        return "webhook"
    return "contact" if isinstance(event, contact.ContactEvent) else "batch"


def fields_of(kind: type[Event]) -> list[str]:
    """The stored fields of an event, in order."""
    return [field.encode_name for field in msgspec.structs.fields(kind)]
