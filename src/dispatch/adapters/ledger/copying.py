"""Rows of the events table in Postgres' binary COPY format (PostgreSQL documentation, COPY, "Binary Format")."""

import struct
from collections.abc import Iterable

from dispatch.adapters.codec import encode
from dispatch.adapters.ledger.framing import uuid_bytes
from dispatch.application.ports.ledger import Append, Cause

COLUMNS = ("originator_id", "originator_version", "topic", "state", "actor", "correlation_id", "causation_id")
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_LENGTH = struct.Struct(">i").pack
_NULL = _LENGTH(-1)
_STREAM = struct.pack(">hi", len(COLUMNS), 16)  # The number of fields, then the length of the first.
_VERSION = struct.Struct(">iqi").pack  # bigint with its length, then the length of the name


def copy_block(appends: Iterable[Append]) -> tuple[bytes, int]:
    """The COPY data of all events of these new streams, and how many events that are.

    Raises:
        ValueError: an append to a stream that is not new, or without events, or an id that is not a UUID.
        TypeError: an event that is not in the registry.
    """
    out, count = [HEADER], 0
    middles: dict[tuple[int, str], bytes] = {}
    cause: Cause | None = None
    tail = b""
    for append in appends:
        if append.version or not append.events:
            raise ValueError(f"stream {append.stream} is not new or has no events: a bulk append opens streams")
        if append.cause is not cause:
            cause, tail = append.cause, _cause_fields(append.cause)
        stream = _STREAM + uuid_bytes(append.stream)
        version = 0
        for event in append.events:
            version += 1
            name, state = encode(event)
            middle = middles.get((version, name))
            if middle is None:
                middle = middles[version, name] = _VERSION(8, version, len(name.encode())) + name.encode()
            out += (stream, middle, _LENGTH(len(state)), state, tail)
        count += version
    out.append(TRAILER)
    return b"".join(out), count


def _cause_fields(cause: Cause) -> bytes:
    return _text(cause.actor) + _uuid(cause.correlation_id) + _uuid(cause.command_id)


def _text(value: str) -> bytes:
    if not value:
        return _NULL
    data = value.encode()
    return _LENGTH(len(data)) + data


def _uuid(value: str) -> bytes:
    return _LENGTH(16) + uuid_bytes(value) if value else _NULL
