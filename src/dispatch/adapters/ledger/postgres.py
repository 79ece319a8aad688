"""The event ledger on Postgres: group commit for commands, binary COPY for imports, one query for many streams."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg.rows import tuple_row

from dispatch.adapters.codec import decode, encode
from dispatch.adapters.ledger.committer import Answer, GroupCommitter
from dispatch.adapters.ledger.copying import COLUMNS, copy_block
from dispatch.adapters.ledger.recorder import LedgerRecorder
from dispatch.application.ports.ledger import Append, History, LedgerUnavailable, Recorded, VersionConflict

APPEND = (
    "SELECT found, already, head FROM ledger.append("
    "%b::text[]::uuid[], %b::bigint[], %b::text[]::uuid[], %b::text[]::uuid[], %b::text[],"
    " %b::int[], %b::bigint[], %b::text[], %b::bytea[])"
)
COPY = f"COPY ledger.stored_events ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
LOAD = (
    "SELECT originator_id::text, topic, state FROM ledger.stored_events"
    " WHERE originator_id = ANY(%b::text[]::uuid[]) ORDER BY originator_id, originator_version"
)
RECORDED = (
    "SELECT notification_id, originator_id::text, originator_version, topic, state, recorded_at,"
    " coalesce(actor, ''), coalesce(correlation_id::text, ''), coalesce(causation_id::text, '')"
    " FROM ledger.stored_events"
)
READ = f"{RECORDED} WHERE notification_id > %s ORDER BY notification_id LIMIT %s"
TRACE = f"{RECORDED} WHERE originator_id = %s::text::uuid ORDER BY originator_version"
ATTEMPTS_MAX = 5
PAUSE_FIRST_S = 0.1

Row = tuple[Any, ...]


class PostgresLedger:
    """Implements the port `EventLedger` on the table of the library's recorder.

    Every append takes one transaction-scoped advisory lock and holds it until commit, so positions become visible in
    order. `on_advance` is told the head after each append, for wake-ups; it must return at once.
    """

    def __init__(self, recorder: LedgerRecorder, on_advance: Callable[[int], None] | None = None) -> None:
        self._datastore = recorder.datastore
        self._on_advance = on_advance or (lambda head: None)
        self._committer = GroupCommitter(self._record)

    def load(self, stream: str) -> History:
        return self.load_many([stream])[stream]

    def load_many(self, streams: Sequence[str]) -> dict[str, History]:
        events: dict[str, list[Any]] = {stream: [] for stream in streams}
        with self._cursor() as cursor:
            cursor.execute(LOAD, (list(events),), prepare=True)
            for stream, topic, state in cursor:
                events[stream].append(decode(topic, state))
        return {stream: History(len(found), found) for stream, found in events.items()}

    def append(self, appends: Sequence[Append]) -> list[Answer]:
        return self._committer.submit(_checked(appends)) if appends else []

    async def append_async(self, appends: Sequence[Append]) -> list[Answer]:
        """As `append`, for a caller on an event loop: it waits without a thread."""
        return await self._committer.submit_async(_checked(appends)) if appends else []

    def append_bulk(self, marker: Append, new: Iterable[Append]) -> range:
        block, count = copy_block(new)  # Encoded before the lock is taken: others wait for Postgres only.
        with self._cursor(binary=False) as cursor, cursor.connection.transaction():
            [(found, already, head)] = cursor.execute(APPEND, _columns([marker])).fetchall()
            if already is not None:
                return range(already, already + len(marker.events) + count)
            if found != marker.version:
                raise VersionConflict(marker.stream, marker.version, found)
            if count:
                try:
                    with cursor.copy(COPY) as copy:
                        copy.write(block)
                except psycopg.errors.UniqueViolation as error:
                    raise VersionConflict(str(error.diag.message_detail), 0, 1) from error
            last = head + count
        self._on_advance(last)
        return range(head - len(marker.events) + 1, last + 1)

    def read(self, after: int, limit: int) -> list[Recorded]:
        return self._recorded(READ, (after, limit))

    def trace(self, stream: str) -> list[Recorded]:
        return self._recorded(TRACE, (stream,))

    def head(self) -> int:
        with self._cursor() as cursor:
            row = cursor.execute("SELECT coalesce(max(notification_id), 0) FROM ledger.stored_events").fetchone()
            return int(row[0]) if row else 0

    def ping(self) -> None:
        """Raises LedgerUnavailable when Postgres does not answer."""
        with self._cursor() as cursor:
            cursor.execute("SELECT 1")

    def close(self) -> None:
        """Record what waits, then close the connections."""
        self._committer.close()
        self._datastore.close()

    def _recorded(self, statement: str, asked: tuple[object, ...]) -> list[Recorded]:
        with self._cursor() as cursor:
            cursor.execute(statement, asked, prepare=True)
            return [
                Recorded(
                    position=position,
                    stream=stream,
                    version=version,
                    event=decode(topic, state),
                    recorded_at=recorded_at,
                    actor=actor,
                    correlation_id=correlation_id,
                    causation_id=causation_id,
                )
                for (
                    position,
                    stream,
                    version,
                    topic,
                    state,
                    recorded_at,
                    actor,
                    correlation_id,
                    causation_id,
                ) in cursor
            ]

    def _record(self, appends: list[Append]) -> list[Answer]:
        """One transaction for all; repeated after a lost connection, when it finds its own work by the command id."""
        columns, pause_s = _columns(appends), PAUSE_FIRST_S
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                with self._cursor(binary=False) as cursor:  # One statement is one transaction: one round trip.
                    rows = cursor.execute(APPEND, columns, prepare=True).fetchall()
                break
            except LedgerUnavailable:
                if attempt == ATTEMPTS_MAX:
                    raise
                time.sleep(pause_s)
                pause_s *= 2
        head = rows[0][2]
        if head is not None:
            self._on_advance(head)
        return _answers(appends, rows)

    @contextmanager
    def _cursor(self, *, binary: bool = True) -> Iterator[psycopg.Cursor[Row]]:
        try:
            with (
                self._datastore.get_connection() as connection,
                connection.cursor(binary=binary, row_factory=tuple_row) as cursor,
            ):
                yield cursor
        except PersistenceError as error:
            raise LedgerUnavailable(str(error)) from error


def _checked(appends: Sequence[Append]) -> Sequence[Append]:
    if len({append.stream for append in appends}) != len(appends):
        raise ValueError("one call appends once to each stream: join the events of a stream into one Append")
    return appends


def _columns(appends: Sequence[Append]) -> tuple[list[Any], ...]:
    owners: list[int] = []
    versions: list[int] = []
    topics: list[str] = []
    states: list[bytes] = []
    for owner, append in enumerate(appends, 1):
        for version, event in enumerate(append.events, append.version + 1):
            topic, state = encode(event)
            owners.append(owner)
            versions.append(version)
            topics.append(topic)
            states.append(state)
    return (
        [append.stream for append in appends],
        [append.version for append in appends],
        [append.cause.command_id for append in appends],
        [append.cause.correlation_id or None for append in appends],
        [append.cause.actor or None for append in appends],
        owners,
        versions,
        topics,
        states,
    )


def _answers(appends: Sequence[Append], rows: Sequence[Row]) -> list[Answer]:
    """Positions are contiguous under the lock, so they follow from the head and the sizes of what was recorded."""
    recorded = sum(
        len(append.events) for append, (found, _, _) in zip(appends, rows, strict=True) if found == append.version
    )
    head = rows[0][2] if rows else None
    position = (head or 0) - recorded + 1
    answers: list[Answer] = []
    for append, (found, already, _) in zip(appends, rows, strict=True):
        size = len(append.events)
        if found == append.version:
            answers.append(range(position, position + size))
            position += size
        elif already is not None:
            answers.append(range(already, already + size))
        else:
            answers.append(VersionConflict(append.stream, append.version, found))
    return answers
