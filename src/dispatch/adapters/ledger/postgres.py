"""The event ledger on Postgres: group commit for commands, binary COPY for imports, one query for many streams."""

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError, PersistenceError
from psycopg.rows import tuple_row
from psycopg_pool import PoolTimeout

from dispatch.adapters.codec import decode, decode_together
from dispatch.adapters.ledger.committer import Answer, GroupCommitter
from dispatch.adapters.ledger.copying import (
    COLUMNS,
    StoredPersons,
    copy_blocks,
    copy_new_jobs,
    encoded_ahead,
    plain_persons,
)
from dispatch.adapters.ledger.framing import Array, Framed, arrays, framed, text_array, uuid_array, uuids_bytes
from dispatch.adapters.ledger.recorder import LedgerRecorder
from dispatch.adapters.upcasting import SHAPES
from dispatch.application.ports.ledger import (
    Advance,
    Append,
    History,
    LedgerUnavailable,
    NewJobs,
    Prepared,
    Recorded,
    VersionConflict,
)
from dispatch.domain.events import REGISTRY, Event

APPEND = (
    "SELECT found, already, head FROM ledger.append("
    "%b::uuid[], %b::bigint[], %b::uuid[], %b::bigint[], %b::text[], %b::bytea[], %b::text[], %b::uuid[], %b::uuid[])"
)
COPY = f"COPY ledger.stored_events ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
LOAD = (  # In four rows, of a quarter of the streams each: psycopg is woken and makes objects a few times only.
    "SELECT string_agg(stream, ''), string_agg(topics, E'\\n'), string_agg(states, '\\x0a') FROM ("
    "SELECT uuid_send(originator_id) AS stream, string_agg(topic, ' ' ORDER BY originator_version) AS topics,"
    " string_agg(state, '\\x0a' ORDER BY originator_version) AS states"
    " FROM ledger.stored_events WHERE originator_id = ANY(%b::uuid[]) GROUP BY originator_id"
    ") AS streams GROUP BY get_byte(stream, 15) & 3"
)
LOAD_APART = (
    "SELECT uuid_send(originator_id), topic, state FROM ledger.stored_events"
    " WHERE originator_id = ANY(%b::uuid[]) ORDER BY originator_id, originator_version"
)
VERSION = "SELECT coalesce(max(originator_version), 0) FROM ledger.stored_events WHERE originator_id = %s::text::uuid"
RECORDED = (
    "SELECT notification_id, originator_id::text, originator_version, topic, state, recorded_at,"
    " coalesce(actor, ''), coalesce(correlation_id::text, ''), coalesce(causation_id::text, '')"
    " FROM ledger.stored_events"
)
READ = f"{RECORDED} WHERE notification_id > %s ORDER BY notification_id LIMIT %s"
THROUGH = (
    "SELECT max(notification_id) FROM (SELECT notification_id FROM ledger.stored_events"
    " WHERE notification_id > %s ORDER BY notification_id LIMIT %s) AS next"
)
READ_KINDS = (
    f"{RECORDED} WHERE notification_id > %s AND notification_id <= %s AND topic <> ALL(%b::text[])"
    " ORDER BY notification_id"
)
TRACE = f"{RECORDED} WHERE originator_id = %s::text::uuid ORDER BY originator_version"
HEAD = "SELECT coalesce(max(notification_id), 0) FROM ledger.stored_events"
TOGETHER_FROM = 100
"""So many streams are worth it that Postgres joins their events. Of fewer it takes longer to plan than it saves."""
ATTEMPTS_MAX = 5
PAUSE_FIRST_S = 0.1

_STREAM_IN_DETAIL = re.compile(r"=\(([0-9a-f-]{36}), \d+\)")

Row = tuple[Any, ...]
R = TypeVar("R")


class PostgresLedger:
    """Implements the port `EventLedger` on the table of the library's recorder.

    Every append takes one transaction-scoped advisory lock and holds it until commit, so positions become visible in
    order. `on_advance` is told of each append when it is durable; it must return at once and raise nothing.
    """

    def __init__(self, recorder: LedgerRecorder, on_advance: Callable[[Advance], None] | None = None) -> None:
        self._datastore = recorder.datastore
        self._on_advance = on_advance or (lambda advance: None)
        self._committer = GroupCommitter(self._record)

    def load(self, stream: str) -> History:
        return self.load_many([stream])[stream]

    def load_many(self, streams: Sequence[str]) -> dict[str, History]:
        asked = dict(zip(streams, uuids_bytes(streams), strict=True))
        keys = set(asked.values())
        found = self._load_together(keys) if len(keys) >= TOGETHER_FROM else self._load_apart(keys)
        return {stream: found.get(key) or History(0, []) for stream, key in asked.items()}

    def _load_together(self, streams: Collection[bytes]) -> dict[bytes, History]:
        found: dict[bytes, History] = {}
        for keys, names, states in self._read(LOAD, (uuid_array(streams),)):
            part = [keys[at : at + 16] for at in range(0, len(keys), 16)]
            decoded = decode_together(names, states)
            if decoded is None:  # One of them is not of today, or cannot be read.
                found |= self._load_apart(part)
            else:
                found |= zip(part, map(_history, decoded), strict=True)
        return found

    def _load_apart(self, streams: Collection[bytes]) -> dict[bytes, History]:
        events: dict[bytes, list[Event]] = {stream: [] for stream in streams}
        for stream, name, state in self._read(LOAD_APART, (uuid_array(streams),)):
            events[stream].append(decode(name, state))
        return {stream: _history(mine) for stream, mine in events.items()}

    def append(self, appends: Sequence[Append]) -> list[Answer]:
        return self._committer.submit(framed(appends)) if appends else []

    async def append_async(self, appends: Sequence[Append]) -> list[Answer]:
        """As `append`, for a caller on an event loop: it waits without a thread."""
        return await self._committer.submit_async(framed(appends)) if appends else []

    def prepare(self, new: Iterable[Append] | NewJobs, stored: StoredPersons = plain_persons) -> Prepared:
        """`stored` makes of the persons of new jobs what is stored of them."""
        if isinstance(new, NewJobs):
            return Prepared(len(new.rows), list(copy_new_jobs(new, stored)))
        opened = list(new)
        return Prepared(_events_in(opened), list(copy_blocks(opened)))

    def append_bulk(self, marker: Append, new: Iterable[Append] | Prepared) -> range:
        # Whatever it takes to make them, nobody waits for it with the lock held.
        opened = new if isinstance(new, Prepared) else list(new)
        columns = arrays([framed([marker])])
        positions = self._persist(lambda: self._copy(marker, columns, opened))
        self._on_advance(Advance(positions.stop - 1))
        return positions

    def read(self, after: int, limit: int) -> list[Recorded]:
        return _recorded(self._read(READ, (after, limit)))

    def read_kinds(self, after: int, limit: int, kinds: Collection[type[Event]]) -> tuple[int, list[Recorded]]:
        [(through,)] = self._read(THROUGH, (after, limit))  # What is visible now has nothing behind it that is not.
        if through is None:
            return after, []
        return through, _recorded(self._read(READ_KINDS, (after, through, _names_but(frozenset(kinds)))))

    def trace(self, stream: str) -> list[Recorded]:
        return _recorded(self._read(TRACE, (stream,)))

    def head(self) -> int:
        [(head,)] = self._read(HEAD, ())
        return int(head)

    def ping(self) -> None:
        """Raises LedgerUnavailable when Postgres does not answer."""
        self._fetch("SELECT 1", ())

    def close(self) -> None:
        """Record what waits, then close the connections."""
        self._committer.close()
        self._datastore.close()

    def _record(self, group: Sequence[Framed]) -> list[list[Answer]]:
        """One transaction for all of the group."""
        rows = self._persist(lambda: self._append(arrays(group)))
        if (head := rows[-1][2]) is not None:
            is_whole = rows[0][0] is None
            self._on_advance(Advance(head, [append for one in group for append in one.appends] if is_whole else None))
        return _answers(group, rows)

    def _append(self, columns: list[Array]) -> list[Row]:
        with self._cursor() as cursor:  # One statement is one transaction: one round trip.
            return cursor.execute(APPEND, columns, prepare=True).fetchall()

    def _copy(self, marker: Append, columns: list[Array], opened: list[Append] | Prepared) -> range:
        encoding: AbstractContextManager[Iterator[bytes]]
        if isinstance(opened, Prepared):
            count, encoding = opened.events, nullcontext(iter(opened.form))
        else:
            count, encoding = _events_in(opened), encoded_ahead(copy_blocks(opened))
        size = len(marker.events)
        with encoding as blocks, self._cursor() as cursor:
            try:
                with cursor.connection.transaction():
                    [(found, already, head)] = cursor.execute(APPEND, columns).fetchall()
                    if already is not None:
                        return range(already, already + size + count)
                    if head is None:
                        raise VersionConflict(marker.stream, marker.version, found)
                    with cursor.copy(COPY) as copy:
                        for block in blocks:
                            copy.write(block)
            except psycopg.errors.UniqueViolation as error:
                detail = _STREAM_IN_DETAIL.search(error.diag.message_detail or "")
                if detail is None:
                    raise
                [(found,)] = cursor.execute(VERSION, (detail[1],)).fetchall()
                raise VersionConflict(detail[1], 0, found) from error
        return range(head - size + 1, head + count + 1)

    def _persist(self, record: Callable[[], R]) -> R:
        """Repeated after a lost connection, when it finds its own work by the command id."""
        pause_s = PAUSE_FIRST_S
        for _ in range(1, ATTEMPTS_MAX):
            try:
                return record()
            except LedgerUnavailable:
                time.sleep(pause_s)
                pause_s *= 2
        return record()

    def _read(self, statement: str, asked: tuple[object, ...]) -> list[Row]:
        try:
            return self._fetch(statement, asked)
        except LedgerUnavailable as unavailable:
            if _waited_for_connection(unavailable):
                raise
            self._datastore.pool.check()  # After a restart of Postgres the pool is full of dead connections.
            return self._fetch(statement, asked)

    def _fetch(self, statement: str, asked: tuple[object, ...]) -> list[Row]:
        with self._cursor() as cursor:
            return cursor.execute(statement, asked, prepare=True).fetchall()

    @contextmanager
    def _cursor(self) -> Iterator[psycopg.Cursor[Row]]:
        try:
            with (
                self._datastore.get_connection() as connection,
                connection.cursor(binary=True, row_factory=tuple_row) as cursor,
            ):
                yield cursor
        except (OperationalError, InterfaceError) as error:
            raise LedgerUnavailable(str(error)) from error
        except PersistenceError as error:
            raise error.__cause__ or error from None  # Ours to mend, not to repeat: say what Postgres said.


def _history(events: Sequence[Event]) -> History:
    return History(len(events), events)


@lru_cache(100)
def _names_but(kinds: frozenset[type[Event]]) -> Array:
    """What may be passed over: all that is known to be another event. A name that nobody knows is not among it."""
    return text_array(SHAPES.stored_names(frozenset(REGISTRY.values()) - kinds))


def _events_in(appends: Sequence[Append]) -> int:
    return sum(len(append.events) for append in appends)


def _waited_for_connection(unavailable: LedgerUnavailable) -> bool:
    return unavailable.__cause__ is not None and isinstance(unavailable.__cause__.__cause__, PoolTimeout)


def _recorded(rows: Sequence[Row]) -> list[Recorded]:
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
        ) in rows
    ]


def _answers(group: Sequence[Framed], rows: Sequence[Row]) -> list[list[Answer]]:
    """Positions are contiguous under the lock, so they follow from the head and the sizes of what was recorded."""
    if rows[0][0] is None:  # Nothing stood in the way: one row speaks for all.
        position = rows[0][2] - sum(one.events for one in group) + 1
        answers: list[list[Answer]] = []
        for one in group:
            mine: list[Answer] = []
            for append in one.appends:
                start, position = position, position + len(append.events)
                mine.append(range(start, position))
            answers.append(mine)
        return answers
    return _answers_one_by_one(group, rows)


def _answers_one_by_one(group: Sequence[Framed], rows: Sequence[Row]) -> list[list[Answer]]:
    appends = [append for one in group for append in one.appends]
    sizes = [len(append.events) for append in appends]
    recorded = sum(
        size for append, size, (found, _, _) in zip(appends, sizes, rows, strict=True) if found == append.version
    )
    position = (rows[0][2] or 0) - recorded + 1
    answers: list[Answer] = []
    for append, size, (found, already, _) in zip(appends, sizes, rows, strict=True):
        if found == append.version:
            answers.append(range(position, position + size))
            position += size
        elif already is not None:
            answers.append(range(already, already + size))
        else:
            answers.append(VersionConflict(append.stream, append.version, found))
    each = iter(answers)
    return [[next(each) for _ in one.appends] for one in group]
