"""What endpoints are told of an event: its public type, and the fields of it that travel to anybody outside."""

import re
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any

from dispatch.application import public_events
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.events import REGISTRY, Event, aggregate_of_kind

PUBLIC = frozenset({"batch", "job", "zone"})
"""Whose events endpoints are told of. Those of contacts, sources and endpoints are the installation's own business."""
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def public_type(kind: type[Event], aggregate: str) -> str:
    """The name under which others know an event: `job.delivered`, `job.stage_failed`, `batch.received`."""
    words = _WORD.sub("_", kind.__name__).lower()
    return f"{aggregate}.{words.removeprefix(f'{aggregate}_')}"


def type_of(event: Event) -> str:
    """The public type of an event; empty where others are not told of it."""
    return _type_of_kind(type(event))


@cache
def _type_of_kind(kind: type[Event]) -> str:
    aggregate = aggregate_of_kind(kind)
    return public_type(kind, aggregate) if aggregate in PUBLIC else ""


@lru_cache(1_000)
def kinds_told(patterns: tuple[str, ...]) -> frozenset[type[Event]]:
    """The events that whoever asks for these public types is told of."""
    return frozenset(
        kind
        for kind in REGISTRY.values()
        if (name := _type_of_kind(kind)) and any(fnmatchcase(name, pattern) for pattern in patterns)
    )


def public_data(recorded: Recorded) -> dict[str, Any]:
    """The fields that travel, with the batch that the event belongs to; empty where others see nothing.

    They are those of subscribers (`public_events`): nothing personal, and no text that people wrote.
    """
    if not type_of(recorded.event):
        return {}
    data = dict(public_events.public_data(recorded.event))
    if recorded.correlation_id:
        data.setdefault("batch_id", recorded.correlation_id)
    return data
