"""The schema smoke test: seven cases at the database itself, past the API (acceptance 1.41-1.43).

Each case is one transaction that is rolled back, on a connection of its own: what it adds is seen by nobody else, and
the ledger's lock is free again after some milliseconds. Only the sequence of positions moves on, which leaves a gap as
every append does that is rolled back; readers know such gaps. The tests go against the installed schema: one made for
them would say nothing of it.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from dispatch.adapters.codec import encode
from dispatch.adapters.postgres.migrate import newest_revision
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.adapters.postgres.views.batches import BatchesView
from dispatch.adapters.postgres.views.catalogue import VIEWS, readable
from dispatch.adapters.postgres.views.view import Cursor
from dispatch.application.ports.ledger import Recorded
from dispatch.application.smoke import Case, Failed, NotSetUp, run_case
from dispatch.domain import identity
from dispatch.domain.batch.events import (
    BatchAdmitted,
    BatchEvent,
    BatchJudged,
    BatchReceived,
    BatchRejected,
    ChunkAdmitted,
)
from dispatch.domain.rows import Budget

CONNECT: dict[str, Any] = {"autocommit": True, "connect_timeout": 5, "row_factory": tuple_row}
LIMITS = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '10s';
"""
"""What others record meanwhile is not seen; a case that waits longer fails, and nobody waits for it."""
ROWS, PARSE_MS, DB_MS = 10, 45, 120
BUDGET_PERCENT = 10
NEEDED = {
    "ledger.stored_events": ("originator_id", "originator_version", "topic", "state", "notification_id", "recorded_at"),
    "intake.batches": (
        *("batch_id", "file_hash", "run", "status", "error_threshold_percent", "rejection_reason", "rows", "accepted"),
        *("rejected", "duplicates", "errors_by_code", "parse_duration_ms", "db_duration_ms", "created_at"),
    ),
    "intake.row_errors": ("batch_id", "row_number", "column_name", "error_code", "found", "expected", "fix"),
}
"""Columns by table."""
COLUMNS = """
SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""
APPEND = """
SELECT found, head FROM ledger.append(%(ids)s::uuid[], %(expected)s::bigint[], %(ids)s::uuid[], %(versions)s::bigint[],
                                      %(topics)s::text[], %(states)s::bytea[], %(actors)s::text[], %(ids)s::uuid[],
                                      %(commands)s::uuid[])
"""
IN_LEDGER = "SELECT count(*) FROM ledger.stored_events WHERE originator_id = %s"
IN_VIEW = "SELECT count(*) FROM intake.batches WHERE batch_id = %s"
BARE = """
INSERT INTO intake.batches (batch_id, run, file_name, file_hash, file_bytes, profile, received_by, status, created_at,
                            ids_from)
VALUES (%s, 1, 'smoke.csv', %s, 1, 'service-job', 'smoke', 'uploaded', now(), now()) RETURNING error_threshold_percent
"""
METRICS = """
SELECT batches, rows, valid_rows, invalid_rows, parse_duration_ms, db_duration_ms FROM intake.view_batch_metrics
"""


class SchemaSmoke:
    """The cases on one database, with a batch of ten rows that nobody ever sent."""

    def __init__(self, url: str) -> None:
        self._url, self._at = url, datetime.now(UTC)
        self._file_hash = secrets.token_hex(32)
        self._batch_id = identity.batch_id(self._file_hash)
        self._view = BatchesView()

    def run(self) -> list[Case]:
        """All seven, one after the other; then look that nothing of them stayed.

        Raises:
            NotSetUp: something is still there.
            psycopg.OperationalError: the database cannot be reached.
        """
        with psycopg.connect(self._url, **CONNECT) as connection:
            cases = [run_case(name, self._undone(connection, check), psycopg.Error) for name, check in self._cases()]
        with psycopg.connect(self._url, **CONNECT) as connection:
            if left := self.left_behind(connection):
                raise NotSetUp(f"{left} rows of the test are still there")
        return cases

    def left_behind(self, connection: psycopg.Connection[Any]) -> int:
        """Rows of this run in the ledger and in the views."""
        counts = 0
        for table, statement in (("ledger.stored_events", IN_LEDGER), ("intake.batches", IN_VIEW)):
            if connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() != (None,):
                counts += _one(connection.execute(statement, (self._batch_id,)))
        return counts

    def _cases(self) -> list[tuple[str, Callable[[Cursor], str]]]:
        return [
            ("schema validation", self._schema),
            ("batch creation", self._creation),
            ("idempotency", self._idempotency),
            ("timing metrics", self._timing),
            ("error budget", self._budget),
            ("rejection reason", self._rejection),
            ("metrics view", self._metrics),
        ]

    def _undone(self, connection: psycopg.Connection[Any], check: Callable[[Cursor], str]) -> Callable[[], str]:
        def in_a_transaction() -> str:
            with connection.transaction(force_rollback=True), connection.cursor() as cursor:
                cursor.execute(LIMITS)
                act_as_application(connection, in_transaction=True)
                return check(cursor)

        return in_a_transaction

    def _schema(self, cursor: Cursor) -> str:
        reached = _one(cursor.execute("SELECT version_num FROM public.alembic_version"))
        _must(reached == newest_revision(), f"revision {reached}, {newest_revision()} is needed: dispatch migrate")
        for table, columns in NEEDED.items():
            there = {name for (name,) in cursor.execute(COLUMNS, (table,)).fetchall()}
            missing = [column for column in columns if column not in there]
            _must(not missing, f"{table} lacks {', '.join(missing)}")
        relations = readable(kind() for kind in VIEWS.values())
        for name in relations:
            _must(_one(cursor.execute("SELECT to_regclass(%s)", (name,))) is not None, f"there is no {name}")
            cursor.execute(sql.SQL("SELECT FROM {} LIMIT 0").format(sql.Identifier(*name.split("."))))
        versions = dict(cursor.execute("SELECT view, version FROM ops.positions").fetchall())
        old = [name for name, kind in VIEWS.items() if versions.get(name) != kind.version]
        _must(not old, f"views of another version: {', '.join(old)}; start dispatch, or rebuild them")
        return f"revision {reached}, {len(relations)} views and tables for readers"

    def _creation(self, cursor: Cursor) -> str:
        self._append(cursor)
        _must(_one(cursor.execute(IN_LEDGER, (self._batch_id,))) == 1, "the event is not in the ledger")
        self._project(cursor, self._received())
        status = _one(cursor.execute("SELECT status FROM intake.batches WHERE batch_id = %s", (self._batch_id,)))
        _must(status == "uploaded", f"the batch is {status}, not uploaded")
        return "a batch in the ledger, and in its view as uploaded"

    def _idempotency(self, cursor: Cursor) -> str:
        self._append(cursor)
        [(found, head)] = self._append(cursor)
        _must(found == 1 and head is None, "the same file was recorded twice")
        _must(_one(cursor.execute(IN_LEDGER, (self._batch_id,))) == 1, "the same file is in the ledger twice")
        self._project(cursor, self._received())
        try:
            with cursor.connection.transaction():
                self._project(cursor, self._received())
        except psycopg.errors.UniqueViolation:
            return "the same file again is refused by the ledger and by the view's key"
        raise Failed("the view takes the same file twice")

    def _timing(self, cursor: Cursor) -> str:
        self._project(cursor, self._received(), *self._admission())
        columns = "parse_duration_ms, db_duration_ms, rows_per_s"
        statement = f"SELECT {columns} FROM intake.v_batch_observability WHERE batch_id = %s"  # noqa: S608 - our own names
        [(parse_ms, db_ms, rows_per_s)] = cursor.execute(statement, (self._batch_id,)).fetchall()
        _must((parse_ms, db_ms) == (PARSE_MS, DB_MS), f"parse {parse_ms} ms, db {db_ms} ms")
        return f"{ROWS}-row batch: parse {parse_ms} ms, db {db_ms} ms, {rows_per_s:g} rows/s"

    def _budget(self, cursor: Cursor) -> str:
        percent = _one(cursor.execute(BARE, (self._batch_id, self._file_hash)))
        _must(percent == BUDGET_PERCENT, f"the default is {percent}%, not {BUDGET_PERCENT}%")
        return f"default {percent}%"

    def _rejection(self, cursor: Cursor) -> str:
        reason = Budget(BUDGET_PERCENT).reason(2, ROWS)
        judged = self._judged(accepted=8, rejected=2)
        rejected = BatchRejected(batch_id=self._batch_id, at=self._at, code="error_budget_exceeded", reason=reason)
        self._project(cursor, self._received(), judged, rejected)
        statement = "SELECT status, rejection_reason, jobs FROM intake.batches WHERE batch_id = %s"
        [(status, found, jobs)] = cursor.execute(statement, (self._batch_id,)).fetchall()
        _must((status, found, jobs) == ("rejected", reason, 0), f"{status}: {found!r}, {jobs} jobs")
        return reason

    def _metrics(self, cursor: Cursor) -> str:
        [before] = cursor.execute(METRICS).fetchall()
        self._project(cursor, self._received(), *self._admission())
        [after] = cursor.execute(METRICS).fetchall()
        grown = tuple(now - was for now, was in zip(after, before, strict=True))
        _must(grown == (1, ROWS, ROWS, 0, PARSE_MS, DB_MS), f"one batch of {ROWS} rows more makes {grown}")
        return f"intake.view_batch_metrics counts it: {after[0]:,} batches, {after[1]:,} rows"

    def _append(self, cursor: Cursor) -> list[tuple[Any, ...]]:
        topic, state = encode(self._received())
        asked = {
            "ids": [self._batch_id],
            "expected": [0],
            "versions": [1],
            "topics": [topic],
            "states": [state],
            "actors": ["smoke"],
            "commands": [identity.command_id(self._batch_id, "smoke")],
        }
        return cursor.execute(APPEND, asked).fetchall()

    def _project(self, cursor: Cursor, *events: BatchEvent) -> None:
        """Into the view, by the projector's own code."""
        recorded = [
            Recorded(
                position=number,
                stream=self._batch_id,
                version=number,
                event=event,  # type: ignore[arg-type]  # The base class of them.
                recorded_at=self._at,
                actor="smoke",
                correlation_id=self._batch_id,
                causation_id=self._batch_id,
            )
            for number, event in enumerate(events, 1)
        ]
        self._view.project(cursor, recorded)

    def _received(self) -> BatchReceived:
        return BatchReceived(
            batch_id=self._batch_id,
            at=self._at,
            file_name="smoke.csv",
            file_hash=self._file_hash,
            file_bytes=1_024,
            profile="service-job",
            error_threshold_percent=BUDGET_PERCENT,
            by="smoke",
        )

    def _judged(self, *, accepted: int, rejected: int = 0) -> BatchJudged:
        return BatchJudged(
            batch_id=self._batch_id,
            at=self._at,
            rows=ROWS,
            accepted=accepted,
            rejected=rejected,
            duplicates=0,
            errors_by_code={"invalid_money": rejected} if rejected else {},
            parse_duration_ms=PARSE_MS,
        )

    def _admission(self) -> tuple[BatchEvent, ...]:
        batch, at = self._batch_id, self._at
        return (
            self._judged(accepted=ROWS),
            ChunkAdmitted(batch_id=batch, at=at, chunk=1, row_through=ROWS, jobs=ROWS, duplicates=0),
            BatchAdmitted(batch_id=batch, at=at, jobs=ROWS, duplicates=0, db_duration_ms=DB_MS),
        )


def smoke_schema(url: str) -> list[Case]:
    """Run the seven cases. Raises as `SchemaSmoke.run`."""
    return SchemaSmoke(url).run()


def _must(holds: object, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def _one(cursor: Cursor) -> Any:  # noqa: ANN401 - of the column's type
    row = cursor.fetchone()
    return row[0] if row else None
