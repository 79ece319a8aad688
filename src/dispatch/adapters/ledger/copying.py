"""Rows of the events table in Postgres' binary COPY format (PostgreSQL documentation, COPY, "Binary Format")."""

import struct
from collections.abc import Iterable

from dispatch.adapters.codec import encode
from dispatch.application.ports.ledger import Append, Cause

COLUMNS = ("originator_id", "originator_version", "topic", "state", "actor", "correlation_id", "causation_id")
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_STREAM_VERSION = struct.Struct(
    ">hi16siqi"
).pack  # Number of fields, uuid with length, bigint with length, next length.
_LENGTH = struct.Struct(">i").pack
_NULL = _LENGTH(-1)


def copy_block(appends: Iterable[Append]) -> tuple[bytes, int]:
    """The COPY data of all events of these appends, and how many events that are."""
    out, count = [HEADER], 0
    topics: dict[str, bytes] = {}
    cause: Cause | None = None
    tail = b""
    for append in appends:
        if append.cause is not cause:
            cause, tail = append.cause, _cause_fields(append.cause)
        stream = bytes.fromhex(append.stream.replace("-", ""))
        for version, event in enumerate(append.events, append.version + 1):
            name, state = encode(event)
            topic = topics.get(name)
            if topic is None:
                topic = topics[name] = name.encode()
            out.append(_STREAM_VERSION(len(COLUMNS), 16, stream, 8, version, len(topic)))
            out.append(topic)
            out.append(_LENGTH(len(state)))
            out.append(state)
            out.append(tail)
            count += 1
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
    return _LENGTH(16) + bytes.fromhex(value.replace("-", "")) if value else _NULL
