"""Appends as the binary arrays that `ledger.append` takes: framed once by the caller, only joined by the committer.

psycopg dumps a list item by item, in Python; at 64 waiting callers that costs more than all the rest of an append.
The format is that of array_recv (PostgreSQL, src/backend/utils/adt/arrayfuncs.c).
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from dispatch.adapters.codec import encode
from dispatch.application.ports.ledger import Append

_ARRAY = struct.Struct(">iiIii").pack  # dimensions, has nulls, oid of the elements, length, lower bound
_NUMBER = struct.Struct(">iq").pack
_LENGTH = struct.Struct(">i").pack
_SIXTEEN = _LENGTH(16)
_NULL = _LENGTH(-1)

UUID, BIGINT, TEXT, BYTEA = 2950, 20, 25, 17  # pg_type.oid; fixed for ever
COLUMNS = (UUID, BIGINT, UUID, BIGINT, TEXT, BYTEA, TEXT, UUID, UUID)


class Framed(NamedTuple):
    """One caller's appends as elements of arrays; the first two columns have one element per append."""

    appends: Sequence[Append]
    streams: tuple[bytes, ...]
    events: int
    size_bytes: int
    columns: tuple[bytes, ...]


def uuid_bytes(text: str) -> bytes:
    """The 16 bytes of a UUID in any of its text forms. Raises ValueError."""
    try:
        data = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        data = b""
    if len(data) != 16:
        raise ValueError(f"{text!r} is not a UUID: write 32 hexadecimal digits, with hyphens or without")
    return data


def framed(appends: Sequence[Append]) -> Framed:
    """Encode what one caller wants to append, so that his mistakes are his own and not those of his group.

    Raises:
        ValueError: an append without events, a stream twice, an id that is not a UUID.
        TypeError: an event that is not in the registry.
    """
    streams, asked, expected = [], [], []
    versions, topics, states, repeated = [], [], [], []
    for append in appends:
        events, version, cause = append.events, append.version, append.cause
        if not events:
            raise ValueError(f"an append to stream {append.stream} has no events: leave it out")
        stream = uuid_bytes(append.stream)
        streams.append(stream)
        asked.append(_SIXTEEN + stream)
        expected.append(_NUMBER(8, version))
        repeated.append((len(events), _text(cause.actor), _uuid(cause.correlation_id), _uuid(cause.command_id)))
        for event in events:
            version += 1
            name, state = encode(event)
            versions.append(_NUMBER(8, version))
            topics.append(_text(name))
            states.append(_LENGTH(len(state)))
            states.append(state)
    if len(set(streams)) != len(streams):
        raise ValueError("one call appends once to each stream: join the events of a stream into one Append")
    columns = (
        b"".join(asked),
        b"".join(expected),
        b"".join([one * times for one, (times, _, _, _) in zip(asked, repeated, strict=True)]),
        b"".join(versions),
        b"".join(topics),
        b"".join(states),
        b"".join([actor * times for times, actor, _, _ in repeated]),
        b"".join([correlation * times for times, _, correlation, _ in repeated]),
        b"".join([causation * times for times, _, _, causation in repeated]),
    )
    return Framed(appends, tuple(streams), len(versions), sum(map(len, columns)), columns)


def arrays(group: Sequence[Framed]) -> "list[Array]":
    """The parameters of `ledger.append` for all of these together."""
    appends = sum(len(one.streams) for one in group)
    events = sum(one.events for one in group)
    return [
        _array(oid, appends if place < 2 else events, [one.columns[place] for one in group])
        for place, oid in enumerate(COLUMNS)
    ]


def uuid_array(streams: Iterable[bytes]) -> "Array":
    """These ids as one parameter."""
    elements = [_SIXTEEN + stream for stream in streams]
    return _array(UUID, len(elements), elements)


class Array(bytes):
    """An array in binary form, ready to be sent."""


class UuidArray(Array):
    """uuid[]"""


class BigintArray(Array):
    """bigint[]"""


class TextArray(Array):
    """text[]"""


class ByteaArray(Array):
    """bytea[]"""


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj


class _UuidArrayDumper(_ArrayDumper):
    oid = 2951


class _BigintArrayDumper(_ArrayDumper):
    oid = 1016


class _TextArrayDumper(_ArrayDumper):
    oid = 1009


class _ByteaArrayDumper(_ArrayDumper):
    oid = 1001


_KINDS: dict[int, type[Array]] = {UUID: UuidArray, BIGINT: BigintArray, TEXT: TextArray, BYTEA: ByteaArray}


def register_arrays(connection: Connection[Any]) -> None:
    """Teach a connection to send arrays that are in binary form already."""
    adapters = connection.adapters
    adapters.register_dumper(UuidArray, _UuidArrayDumper)
    adapters.register_dumper(BigintArray, _BigintArrayDumper)
    adapters.register_dumper(TextArray, _TextArrayDumper)
    adapters.register_dumper(ByteaArray, _ByteaArrayDumper)


def _array(oid: int, length: int, elements: Sequence[bytes]) -> Array:
    # "Has nulls" is a hint that array_recv ignores: it looks at the elements.
    return _KINDS[oid](b"".join([_ARRAY(1, 0, oid, length, 1), *elements]))


def _text(value: str) -> bytes:
    if not value:
        return _NULL
    data = value.encode()
    if b"\0" in data:
        raise ValueError(f"{value!r} contains a zero byte, which Postgres does not store in text")
    return _LENGTH(len(data)) + data


def _uuid(value: str) -> bytes:
    return _SIXTEEN + uuid_bytes(value) if value else _NULL
