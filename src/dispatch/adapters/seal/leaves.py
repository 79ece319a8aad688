"""The canonical bytes of stored events, hashed as they come from Postgres: nothing is decoded (docs/ledger_format.md).

A row of binary COPY is a field count and then, for each field, its length and its bytes: unambiguous, and byte-stable
across versions of Postgres (PostgreSQL documentation, COPY, "Binary Format").
"""

import struct
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

from dispatch.application.ports.evidence import Entry

FORMAT = b"\x01"
"""The version of the canonical bytes; they begin with it."""
FIELDS = (
    "notification_id, originator_id, originator_version, topic, recorded_at, actor, correlation_id, causation_id, state"
)
BEFORE_ALL = -(1 << 63) - 1
"""Before every position that the column can hold: whoever forges events may choose one below 1."""
LEAF = b"\x00" + FORMAT  # RFC 9162 puts the zero before every entry.

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER_BYTES = len(_SIGNATURE) + 8
_TRAILER = b"\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_PLACE = struct.Struct(">hiqi16siq").unpack_from
_LENGTH = struct.Struct(">i").unpack_from
_NUMBER = struct.Struct(">q").unpack_from
_FIELDS_EACH = 9


def read_rows(
    connection: psycopg.Connection[Any], after: int, *, through: int | None = None, limit: int | None = None
) -> Generator[bytes, None, None]:
    """The stored rows behind a position, in order, in one snapshot. Raises psycopg.Error."""
    where = f"notification_id >= {int(after) + 1}" + (
        "" if through is None else f" AND notification_id <= {int(through)}"
    )
    most = "" if limit is None else f" LIMIT {int(limit)}"
    query = f"SELECT {FIELDS} FROM ledger.stored_events WHERE {where} ORDER BY notification_id{most}"  # noqa: S608 - numbers
    return _copied(connection.pgconn, f"COPY ({query}) TO STDOUT (FORMAT BINARY)")


def _copied(connection: PGconn, statement: str) -> Generator[bytes, None, None]:
    """The rows of a COPY, one at a time, as libpq promises (PQgetCopyData).

    `Cursor.copy` costs twice the processor time of reading and hashing together.
    """
    begun = connection.exec_(statement.encode())
    if begun.status != ExecStatus.COPY_OUT:
        raise error_from_result(begun)
    read, ended = connection.get_copy_data, False
    try:
        size, data = read(0)
        first = bytes(data)
        if not first.startswith(_SIGNATURE):
            raise psycopg.DataError("Postgres did not answer in binary COPY format")
        data = memoryview(first[_HEADER_BYTES:])  # The header comes in front of the first row.
        while size > 0:
            if len(data) > len(_TRAILER):
                yield bytes(data)
            size, data = read(0)
        ended = True
    finally:
        if not ended:  # Whoever read has stopped early: the rest is not waited for.
            connection.get_cancel().cancel()
            while read(0)[0] > 0:
                pass
        while (result := connection.get_result()) is not None:
            if ended and result.status != ExecStatus.COMMAND_OK:
                raise error_from_result(result)


def hash_rows(rows: Iterable[bytes]) -> list[bytes]:
    """The leaf hashes of stored rows."""
    return [sha256(LEAF + row).digest() for row in rows]


def hash_next(rows: Iterator[bytes], most: int) -> tuple[list[bytes], tuple[int, ...]]:
    """The leaf hashes and positions of the next rows. Each is hashed as it comes, while Postgres sends those behind."""
    hashes, positions = [], []
    for row in islice(rows, most):
        hashes.append(sha256(LEAF + row).digest())
        positions.append(row[6:14])
    return hashes, struct.unpack(f">{len(positions)}q", b"".join(positions))


def leaf_data(row: bytes) -> bytes:
    """The canonical bytes of a stored row."""
    return FORMAT + row


def positions_of(rows: Sequence[bytes]) -> tuple[int, ...]:
    """The positions of stored rows."""
    return struct.unpack(f">{len(rows)}q", b"".join([row[6:14] for row in rows]))


def position_of(row: bytes) -> int:
    """The position of a stored row."""
    position: int = _NUMBER(row, 6)[0]
    return position


def place_of(row: bytes) -> tuple[int, str, int]:
    """Position, stream and version of a stored row."""
    _, _, position, _, stream, _, version = _PLACE(row)
    return position, str(UUID(bytes=stream)), version


def entry_of(row: bytes) -> Entry:
    """A stored row as values. Times that no calendar has become the nearest one that it has."""
    fields: list[bytes | None] = []
    at = 2
    for _ in range(_FIELDS_EACH):
        [length] = _LENGTH(row, at)
        at += 4
        fields.append(None if length < 0 else row[at : at + length])
        at += max(0, length)
    position, stream, version, name, recorded_at, actor, correlation_id, causation_id, state = fields
    return Entry(
        position=_number(position),
        stream=_uuid(stream) or "",
        version=_number(version),
        name=(name or b"").decode(),
        recorded_at=_time(_number(recorded_at)),
        actor=None if actor is None else actor.decode(),
        correlation_id=_uuid(correlation_id),
        causation_id=_uuid(causation_id),
        state=state or b"",
    )


def _number(field: bytes | None) -> int:
    number: int = _NUMBER(field or bytes(8))[0]
    return number


def _uuid(field: bytes | None) -> str | None:
    return None if field is None else str(UUID(bytes=field))


def _time(microseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return _LAST if microseconds > 0 else _FIRST
