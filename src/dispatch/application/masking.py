"""Stored events for people: what is personal is shown by its shape, never by itself."""

import msgspec

from dispatch.application.ports.evidence import Entry
from dispatch.domain.person import shape

PERSONAL = frozenset({"person", "details"})
"""Fields that hold what is known of a person, or what a file said beside it."""


class MaskedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the ledger as anybody may see it."""

    position: int
    recorded_at: str
    name: str
    stream: str
    version: int
    actor: str | None
    correlation_id: str | None
    causation_id: str | None
    event: object


def masked_entry(entry: Entry) -> MaskedEntry:
    """The entry without personal data; a state that is no JSON is told by its length."""
    try:
        event = _masked(msgspec.json.decode(entry.state))
    except msgspec.MsgspecError:
        event = f"{len(entry.state)} bytes that are not JSON"
    return MaskedEntry(
        position=entry.position,
        recorded_at=entry.recorded_at.isoformat(timespec="microseconds"),
        name=entry.name,
        stream=entry.stream,
        version=entry.version,
        actor=entry.actor,
        correlation_id=entry.correlation_id,
        causation_id=entry.causation_id,
        event=event,
    )


def _masked(value: object, *, personal: bool = False) -> object:
    match value:
        case {"encrypted": str(), **others} if personal and not others:
            return "encrypted"
        case dict():
            return {key: _masked(inner, personal=personal or key in PERSONAL) for key, inner in value.items()}
        case list():
            return [_masked(inner, personal=personal) for inner in value]
        case str() if personal:
            return shape(value)
        case int() | float() if personal and not isinstance(value, bool):
            return shape(str(value))
        case _:
            return value
