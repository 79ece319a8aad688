"""What subscribers are told of an event: the fields that travel, under the names that are stored.

Fail closed: numbers, times and choices travel; text only where its field is named here, because people write into the
others. Persons, their ciphertext and whoever acted (`by`) never do. A new field with text stays until it is named.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from dispatch.domain.events import REGISTRY, Event, aggregate_of_kind

TEXT_FIELDS = frozenset(
    {
        "batch_id",
        "contact_id",
        "job_id",
        "source_id",
        "webhook_id",
        "jobs",  # Of an erasure: whoever keeps copies has to erase them too.
        "code",
        "error_code",
        "errors_by_code",
        "refused",  # A code, too.
        "file_hash",
        "next_stage",
        "outcome",
        "output",
        "profile",
        "provider",
        "readings",  # Of the zone: numbers, and the names of measures.
        "reference",
        "route",
        "rule",
        "service",
        "stage",
        "ApprovalRequested.reason",
        "JobBlocked.reason",
        "JobEscalated.reason",
        "ReceiptRecorded.message_id",
        "RecipientRefused.recipient",  # A role.
        "StageDeferred.reason",
        "WebhookReceived.kind",
        "WebhookReceived.source",
    }
)
"""Fields with text that travel, in every event or in one: ids, codes, and sentences that no person has written."""
OUTPUT_KEYS = frozenset(
    {
        "basis",
        "channel",
        "identifier",
        "job_number",
        "message_id",
        "provider",
        "receipt",
        "result",
        "role",
        "rule",
        "service",
        "slot_type",
        "source",
        "status",
        "validation_notes",
        "verdict",
    }
)
"""Of what a stage found out, so much travels."""
_SILENT: tuple[type, ...] = (bool, int, float, datetime, date, Enum, NoneType)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@cache
def public_name(kind: type[Event]) -> str:
    """`stage-completed` of `StageCompleted`."""
    return _HUMP.sub("-", kind.__name__).lower()


@cache
def public_type(kind: type[Event]) -> str:
    """The CloudEvents type, which is the subject without its last token: `dispatch.v1.job.stage-completed`."""
    return f"dispatch.v1.{aggregate_of_kind(kind)}.{public_name(kind)}"


@cache
def public_fields(kind: type[Event]) -> tuple[str, ...]:
    """The fields of this event that travel, in their stored order."""
    hints = get_type_hints(kind)
    return tuple(
        field.name
        for field in msgspec.structs.fields(kind)
        if not _may_speak(hints[field.name])
        or field.name in TEXT_FIELDS
        or f"{kind.__name__}.{field.name}" in TEXT_FIELDS
    )


def public_data(event: Event) -> dict[str, Any]:
    """What travels of this event, as msgspec encodes it."""
    data = {name: getattr(event, name) for name in public_fields(type(event))}
    if isinstance(output := data.get("output"), Mapping):
        data["output"] = {key: value for key, value in output.items() if key in OUTPUT_KEYS}
    return data


def public_kinds() -> dict[str, type[Event]]:
    """Every event of the registry by its stored name, in the order of the names: all of them are published."""
    return dict(sorted(REGISTRY.items()))


def _may_speak(kind: Any) -> bool:  # noqa: ANN401 - a type of any form
    """Can a value of this type hold text that somebody wrote?"""
    if get_origin(kind) is None:
        return not (isinstance(kind, type) and issubclass(kind, _SILENT))
    return any(_may_speak(part) for part in get_args(kind) if part is not Ellipsis)
