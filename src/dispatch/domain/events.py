"""Every event that the ledger can hold: a closed registry, by the names under which they are stored."""

from functools import cache
from typing import get_args

import msgspec

from dispatch.domain.batch import events as batch
from dispatch.domain.contact import events as contact
from dispatch.domain.control import events as control
from dispatch.domain.endpoint import events as endpoint
from dispatch.domain.fleet import events as fleet
from dispatch.domain.job import events as job
from dispatch.domain.operations import events as operations
from dispatch.domain.replay import events as replay
from dispatch.domain.source import events as source
from dispatch.domain.webhook import events as webhook
from dispatch.domain.zone import events as zone

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
    | fleet.Event
    | zone.Event
)

REGISTRY: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}
"""Stored name to type. A name that is not here is an error, never an import."""


def event_name(event: Event) -> str:
    """The name under which this event is stored."""
    return type(event).__name__


def aggregate_of(event: Event) -> str:
    """Whose stream it belongs to, told by the id that it carries first: `job` by `job_id`, and so on."""
    return aggregate_of_kind(type(event))


@cache
def aggregate_of_kind(kind: type[Event]) -> str:
    """The same of a type of events."""
    return fields_of(kind)[0].removesuffix("_id")


def fields_of(kind: type[Event]) -> list[str]:
    """The stored fields of an event, in order."""
    return [field.encode_name for field in msgspec.structs.fields(kind)]
