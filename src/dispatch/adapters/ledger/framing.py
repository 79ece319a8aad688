"""Appends as the binary arrays that `ledger.append` takes: framed once by the caller, only joined by the committer.

psycopg dumps a list item by item, in Python; at 64 waiting callers that costs more than all the rest of an append.
The format is that of array_recv (PostgreSQL, src/backend/utils/adt/arrayfuncs.c).
"""

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from dispatch.adapters.codec import encode
from dispatch.application.ports.ledger import Append, Cause

_ARRAY = struct.Struct(">iiIii").pack  # dimensions, has nulls, oid of the elements, length, lower bound
_NUMBER = struct.Struct(">iq").pack
_LENGTH = struct.Struct(">i").pack
_SIXTEEN = _LENGTH(16)
_NULL = _LENGTH(-1)

UUID, BIGINT, TEXT, BYTEA = 2950, 20, 25, 17  # pg_type.oid; fixed for ever
COLUMNS = (UUID, BIGINT, UUID, BIGINT, TEXT, BYTEA, TEXT, UUID, UUID)
STATES = 5
_HYPHENS = (8, 13, 18, 23)  # In the canonical form of an id (RFC 9562, 4).


class Framed(NamedTuple):
    """One caller's appends as elements of arrays; the first two columns have one element per append."""

    appends: Sequence[Append]
    streams: tuple[bytes, ...]
    events: int
    size_bytes: int  # Of the encoded events.
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


def uuids_bytes(texts: Sequence[str]) -> list[bytes]:
    """`uuid_bytes` of each of these: of ids in canonical form at once, in half the time. Raises ValueError."""
    joined, count = "\n".join(texts), len(texts)
    digits = joined.replace("-", "")
    if len(digits) != 33 * count - 1 or any(joined[at::37] != "-" * count for at in _HYPHENS):
        return list(map(uuid_bytes, texts))
    data = bytes.fromhex(digits)  # Which reads over line breaks.
    return [data[at : at + 16] for at in range(0, len(data), 16)]


def framed(appends: Sequence[Append]) -> Framed:
    """Encode what one caller wants to append, so that his mistakes are his own and not those of his group.

    Raises:
        ValueError: an append without events, a stream twice, an id that is not a UUID.
        TypeError: an event that is not in the registry.
    """
    if len(appends) == 1 and len(appends[0].events) == 1:
        return _framed_one(appends)
    sizes = [len(append.events) for append in appends]
    if 0 in sizes:
        raise ValueError(f"an append to stream {appends[sizes.index(0)].stream} has no events: leave it out")
    keys = tuple([uuid_bytes(append.stream) for append in appends])
    if len(set(keys)) != len(keys):
        raise ValueError("one call appends once to each stream: join the events of a stream into one Append")
    encoded = [encode(event) for append in appends for event in append.events]
    streams = [_SIXTEEN + key for key in keys]
    states = [part for _, state in encoded for part in (_LENGTH(len(state)), state)]
    columns: tuple[list[bytes], ...] = (
        streams,
        [_number(append.version) for append in appends],
        [stream * size for stream, size in zip(streams, sizes, strict=True)],
        [
            _number(append.version + place)
            for append, size in zip(appends, sizes, strict=True)
            for place in range(1, size + 1)
        ],
        [_text(name) for name, _ in encoded],
        states,
        *_cause_columns(appends, sizes),
    )
    joined = tuple(map(b"".join, columns))
    return Framed(appends, keys, len(encoded), len(joined[STATES]), joined)


def _framed_one(appends: Sequence[Append]) -> Framed:
    """One event, as most commands have: no lists, half the time."""
    [append] = appends
    key = uuid_bytes(append.stream)
    stream, version = _SIXTEEN + key, append.version
    name, state = encode(append.events[0])
    numbers = _NUMBER(8, version), _NUMBER(8, version + 1)
    event = _text(name), _LENGTH(len(state)) + state
    return Framed(
        appends, (key,), 1, len(state), (stream, numbers[0], stream, numbers[1], *event, *_framed_cause(append.cause))
    )


def _framed_cause(cause: Cause) -> tuple[bytes, bytes, bytes]:
    return _text(cause.actor), _known_uuid(cause.correlation_id), _uuid(cause.command_id)


def _cause_columns(appends: Sequence[Append], sizes: Sequence[int]) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Who acted, for which batch, and by which command, once for each event; most appends of a call have one cause."""
    columns: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
    cause, fields, times = appends[0].cause, _framed_cause(appends[0].cause), 0
    for append, size in zip(appends, sizes, strict=True):
        if append.cause is not cause:
            for column, field in zip(columns, fields, strict=True):
                column.append(field * times)
            cause, fields, times = append.cause, _framed_cause(append.cause), 0
        times += size
    for column, field in zip(columns, fields, strict=True):
        column.append(field * times)
    return columns


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


def bigint_array(numbers: Sequence[int]) -> "Array":
    """These numbers as one parameter."""
    return _array(BIGINT, len(numbers), [_NUMBER(8, number) for number in numbers])


def text_array(texts: Sequence[str]) -> "Array":
    """These texts as one parameter. Raises ValueError for one with a zero byte."""
    elements: list[bytes] = []
    for text in texts:
        data = text.encode()
        if b"\0" in data:
            raise ValueError(f"{text!r} contains a zero byte, which Postgres does not store in text")
        elements += (_LENGTH(len(data)), data)
    return _array(TEXT, len(texts), elements)


def bytea_array(values: Sequence[bytes]) -> "Array":
    """These bytes as one parameter."""
    elements = [part for value in values for part in (_LENGTH(len(value)), value)]
    return _array(BYTEA, len(values), elements)


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


@lru_cache(1_000)  # Names of events and actors come again and again.
def _text(value: str) -> bytes:
    if not value:
        return _NULL
    data = value.encode()
    if b"\0" in data:
        raise ValueError(f"{value!r} contains a zero byte, which Postgres does not store in text")
    return _LENGTH(len(data)) + data


def _uuid(value: str) -> bytes:
    return _SIXTEEN + uuid_bytes(value) if value else _NULL


_known_uuid = lru_cache(1_000)(_uuid)  # Batches too.


@lru_cache(1_000)  # Versions are small.
def _number(value: int) -> bytes:
    return _NUMBER(8, value)
