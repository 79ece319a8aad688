"""The sheet of batches to be taken in: read from the view of batches, with a lease per batch and worker beside it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from psycopg import errors
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.locks import Lock
from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.intake_sheet import FAILURES_MAX, STUCK_AFTER, BatchFacts, StuckBatch, Turn
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.domain.batch.desk import Priority

LEASE = timedelta(seconds=5)
"""A worker that was not heard of for so long has lost its batch to another."""
AGEING = timedelta(minutes=1)
"""A batch that has waited for so long counts as one of the next priority; after twice as long, of the one above."""
LONG_FILE_BYTES = 8 << 20
"""Judging a file of this size takes a second or more, and nobody else is served meanwhile."""
WANTED_AFTER = timedelta(seconds=1)
PAUSE = timedelta(seconds=0.2)
"""A batch of which nothing came although it needs intake is not asked for at full speed."""

TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS ops.intake_turns (
    batch_id uuid PRIMARY KEY,
    waiting_since timestamptz NOT NULL DEFAULT now(),
    served_at timestamptz,          -- when it was last put back
    next_at timestamptz NOT NULL DEFAULT now(),
    worker text NOT NULL DEFAULT '',
    leased_until timestamptz,       -- null: nobody is at it
    is_long boolean NOT NULL DEFAULT false,
    failures int NOT NULL DEFAULT 0,
    cause text NOT NULL DEFAULT '',
    known_at bigint NOT NULL DEFAULT 0,  -- Position of the ledger at which the columns below were so; 0: never noted.
    needs_intake boolean NOT NULL DEFAULT true,
    file_name text,
    file_bytes bigint,
    status text,
    priority text,
    value_pence bigint,
    created_at timestamptz
)
"""
# What was noted counts as long as the views are behind it.
NEEDING = """
reached AS (
    SELECT coalesce(min(position), 0) AS position FROM ops.positions WHERE view = 'batches'
), noted AS (
    SELECT turn.* FROM ops.intake_turns AS turn, reached WHERE known_at > reached.position
), needing AS (
    SELECT batch_id, file_name, file_bytes, status, priority, value_pence, created_at FROM noted WHERE needs_intake
    UNION ALL
    SELECT batch_id, file_name, file_bytes, status, priority, value_pence, created_at FROM intake.batches AS batch
    WHERE status IN ('uploaded', 'admitting', 'undoing')
      AND NOT EXISTS (SELECT FROM noted WHERE noted.batch_id = batch.batch_id)
    UNION ALL
    SELECT batch_id, file_name, file_bytes, status, priority, value_pence, created_at FROM intake.batches AS batch
    WHERE corrections_judged < corrections AND status IN ('processing', 'complete', 'complete_with_exceptions')
      AND NOT EXISTS (SELECT FROM noted WHERE noted.batch_id = batch.batch_id)
)
"""
FORGET = """
WITH {needing}
DELETE FROM ops.intake_turns AS turn
WHERE coalesce(turn.leased_until < now(), true)
  AND NOT EXISTS (SELECT FROM needing WHERE needing.batch_id = turn.batch_id)
  AND NOT EXISTS (SELECT FROM noted WHERE noted.batch_id = turn.batch_id)
""".replace("{needing}", NEEDING)
NOTE_VIEWED = """
WITH {needing}
INSERT INTO ops.intake_turns (batch_id)
SELECT batch_id FROM needing WHERE NOT EXISTS (
    SELECT FROM ops.intake_turns AS turn WHERE turn.batch_id = needing.batch_id
)
ON CONFLICT DO NOTHING
""".replace("{needing}", NEEDING)
WAITING = """
WITH {needing},
waiting AS (
    SELECT needing.*, turn.served_at, turn.waiting_since,
           needing.status = 'uploaded' AND needing.file_bytes >= %(long)s AS is_long,
           array_position(%(priorities)s::text[], needing.priority)
           + floor(extract(epoch FROM now() - turn.waiting_since) / %(ageing_s)s) AS rank
    FROM needing JOIN ops.intake_turns AS turn USING (batch_id)
    WHERE turn.next_at <= now() AND coalesce(turn.leased_until < now(), true)
)
""".replace("{needing}", NEEDING)
TAKE = """
{waiting},
next AS (
    SELECT batch_id, status, priority, is_long FROM waiting
    WHERE NOT is_long
       OR %(long_max)s > (SELECT count(*) FROM ops.intake_turns WHERE is_long AND leased_until >= now())
    ORDER BY rank DESC, served_at NULLS FIRST, value_pence DESC, created_at LIMIT 1
)
UPDATE ops.intake_turns AS turn
SET worker = %(worker)s, leased_until = clock_timestamp() + %(lease)s, is_long = next.is_long
FROM next WHERE turn.batch_id = next.batch_id
RETURNING turn.batch_id::text, next.status, next.priority, turn.worker
""".replace("{waiting}", WAITING)
NOTE = """
INSERT INTO ops.intake_turns AS turn (batch_id, known_at, needs_intake, file_name, file_bytes, status, priority,
                                      value_pence, created_at)
VALUES (%(batch_id)s, %(position)s, %(needs_intake)s, %(file_name)s, %(file_bytes)s, %(status)s, %(priority)s,
        %(value_pence)s, %(received_at)s)
ON CONFLICT (batch_id) DO UPDATE
SET (known_at, needs_intake, file_name, file_bytes, status, priority, value_pence, created_at) =
    (excluded.known_at, excluded.needs_intake, excluded.file_name, excluded.file_bytes, excluded.status,
     excluded.priority, excluded.value_pence, excluded.created_at)
WHERE turn.known_at < excluded.known_at
"""
KEEP = """
UPDATE ops.intake_turns SET leased_until = now() + %(lease)s WHERE worker = %(worker)s AND leased_until IS NOT NULL
"""
WANTED = """
{waiting}
SELECT EXISTS (
    SELECT FROM waiting WHERE waiting_since < now() - %(wanted)s
    AND rank >= array_position(%(priorities)s::text[], %(priority)s)
)
""".replace("{waiting}", WAITING)
PUT_BACK = """
UPDATE ops.intake_turns
SET worker = '', leased_until = NULL, failures = 0, cause = '', waiting_since = now(), next_at = now() + %(pause)s,
    -- What was only judged has had no turn yet by its value.
    served_at = CASE WHEN %(status)s = 'uploaded' THEN served_at ELSE now() END
WHERE batch_id = %(batch_id)s AND worker = %(worker)s
"""
DONE = """
UPDATE ops.intake_turns
SET worker = '', leased_until = NULL, failures = 0, cause = '', served_at = NULL, waiting_since = now(),
    next_at = now() + %(pause)s
WHERE batch_id = %(batch_id)s AND worker = %(worker)s
"""
FAILED = """
UPDATE ops.intake_turns
SET worker = '', leased_until = NULL, failures = failures + 1, cause = %(cause)s,
    next_at = now() + least(60, power(2, least(failures, 10))) * interval '1 second'
WHERE batch_id = %(batch_id)s AND worker = %(worker)s
RETURNING failures
"""
RELEASE = """
UPDATE ops.intake_turns SET worker = '', leased_until = NULL, next_at = now() WHERE batch_id = %(batch_id)s
"""
STUCK = """
WITH {needing}
SELECT needing.batch_id::text, needing.file_name, needing.status,
       coalesce(last.recorded_at, needing.created_at) AS since,
       coalesce(failures, 0) AS failures, coalesce(cause, '') AS cause
FROM needing
LEFT JOIN ops.intake_turns AS turn USING (batch_id)
LEFT JOIN LATERAL (
    SELECT recorded_at FROM ledger.stored_events
    WHERE originator_id = needing.batch_id ORDER BY originator_version DESC LIMIT 1
) AS last ON true
WHERE coalesce(last.recorded_at, needing.created_at) < now() - %(after)s OR failures >= %(failures_max)s
ORDER BY since LIMIT 100
""".replace("{needing}", NEEDING)

_FIXED: Mapping[str, Any] = {
    "long": LONG_FILE_BYTES,
    "priorities": [priority.value for priority in Priority],
    "ageing_s": AGEING.total_seconds(),
    "lease": LEASE,
    "wanted": WANTED_AFTER,
    "pause": PAUSE,
    "failures_max": FAILURES_MAX,
}


class PostgresIntakeSheet:
    """Implements the port `IntakeSheet`, on the database's clock."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self) -> None:
        """Create the table of turns where it is missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLE)

    def take(self, worker: str, *, workers: int = 1) -> Turn | None:
        with transaction(self._pool) as connection:
            # One after the other: who asks at the same moment sees what the other was given.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (Lock.INTAKE_SHEET,))
            connection.execute(FORGET)
            connection.execute(NOTE_VIEWED)
            asked = {**_FIXED, "worker": worker, "long_max": max(1, workers - 1)}
            row = connection.cursor(row_factory=dict_row).execute(TAKE, asked).fetchone()
        return msgspec.convert(row, Turn) if row else None

    def note(self, facts: BatchFacts) -> None:
        self._execute(NOTE, msgspec.to_builtins(facts))

    def keep(self, worker: str) -> None:
        self._execute(KEEP, {"worker": worker})

    def is_wanted(self, turn: Turn) -> bool:
        return self._execute(WANTED, {"priority": turn.priority.value}) == (True,)

    def put_back(self, turn: Turn) -> None:
        self._execute(PUT_BACK, _asked(turn))

    def done(self, turn: Turn) -> None:
        self._execute(DONE, _asked(turn))

    def failed(self, turn: Turn, cause: str) -> int:
        row = self._execute(FAILED, _asked(turn) | {"cause": cause})
        return int(row[0]) if row else 1  # Another worker has it meanwhile.

    def release(self, batch_id: str) -> None:
        self._execute(RELEASE, {"batch_id": batch_id})

    def stuck(self, *, after: timedelta = STUCK_AFTER) -> list[StuckBatch]:
        try:
            with transaction(self._pool) as connection:
                asked = {**_FIXED, "after": after}
                rows = connection.cursor(row_factory=dict_row).execute(STUCK, asked).fetchall()
        except (errors.UndefinedTable, errors.UndefinedColumn) as error:
            raise LedgerUnavailable("the sheet of intake is not prepared; a start of `dispatch up` does it") from error
        return [msgspec.convert(row, StuckBatch) for row in rows]

    def _execute(self, statement: str, asked: Mapping[str, Any]) -> tuple[Any, ...] | None:
        with transaction(self._pool) as connection:
            cursor = connection.execute(statement, {**_FIXED, **asked})
            return cursor.fetchone() if cursor.description else None


def _asked(turn: Turn) -> dict[str, Any]:
    return {"batch_id": turn.batch_id, "worker": turn.worker, "status": turn.status.value}
