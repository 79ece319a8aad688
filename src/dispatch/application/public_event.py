"""What others are told of an event: its public type, and its fields without persons, plain or encrypted."""

import re
from typing import Any

import msgspec

from dispatch.application.ports.ledger import Recorded
from dispatch.domain.events import Event, aggregate_of

PUBLIC = frozenset({"batch", "job"})
"""Whose events others are told of. Those of contacts, sources and endpoints are the installation's own business."""
PRIVATE = frozenset({"type", "person", "details", "file_name"})
"""Left out: persons, and what people or files named freely, which may name a person. `type` is told beside the data."""
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def public_type(kind: type[Event], aggregate: str) -> str:
    """The name under which others know an event: `job.delivered`, `job.stage_failed`, `batch.received`."""
    words = _WORD.sub("_", kind.__name__).lower()
    return f"{aggregate}.{words.removeprefix(f'{aggregate}_')}"


def type_of(event: Event) -> str:
    """The public type of an event; empty where others are not told of it."""
    aggregate = aggregate_of(event)
    return public_type(type(event), aggregate) if aggregate in PUBLIC else ""


def public_data(recorded: Recorded) -> dict[str, Any]:
    """The fields of an event that others may see, with the batch that it belongs to; empty where they see nothing."""
    if aggregate_of(recorded.event) not in PUBLIC:
        return {}
    fields = msgspec.structs.fields(recorded.event)
    data = {f.encode_name: getattr(recorded.event, f.name) for f in fields if f.encode_name not in PRIVATE}
    if recorded.correlation_id:
        data.setdefault("batch_id", recorded.correlation_id)
    return data
