"""The last reconciliations: who runs one, how far it is, and what it found. Losing the table costs a repetition."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from psycopg import errors
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.reconciling import RunRow, StandingError

NAME = "ops.reconciliations"
LOST_AFTER = timedelta(seconds=120)
"""A run that was not heard of for so long has nobody who runs it; a statement takes at most half of that."""
KEPT = timedelta(days=30)

R = TypeVar("R")

TABLE = """
CREATE TABLE IF NOT EXISTS ops.reconciliations (
    run_id uuid PRIMARY KEY,
    scope text NOT NULL,
    by text NOT NULL,
    status text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    jobs bigint NOT NULL DEFAULT 0,
    report jsonb,
    problem text NOT NULL DEFAULT ''
)
"""
LOCK = "LOCK TABLE ops.reconciliations IN SHARE ROW EXCLUSIVE MODE"
BEGIN = "INSERT INTO ops.reconciliations (run_id, scope, by, status) VALUES (%s, %s, %s, 'running')"
CLAIM = """
INSERT INTO ops.reconciliations (run_id, scope, by, status)
SELECT %(run_id)s, %(scope)s, %(by)s, 'running'
WHERE NOT EXISTS (
    SELECT FROM ops.reconciliations WHERE scope = %(scope)s AND started_at > now() - %(every)s
)
"""
PROGRESS = "UPDATE ops.reconciliations SET jobs = %s, seen_at = now() WHERE run_id = %s"
END = "UPDATE ops.reconciliations SET status = 'done', jobs = %s, report = %s, seen_at = now() WHERE run_id = %s"
FAILED = "UPDATE ops.reconciliations SET status = 'failed', problem = %s, seen_at = now() WHERE run_id = %s"
FORGET = "DELETE FROM ops.reconciliations WHERE started_at < now() - %s"
RUN = """
SELECT run_id::text, scope, by, started_at, seen_at, jobs, problem,
       CASE WHEN status = 'running' AND seen_at < now() - %(lost)s THEN 'lost' ELSE status END AS status,
       {report} AS report
FROM ops.reconciliations
"""
ONE = RUN.replace("{report}", "report") + "WHERE run_id = %(run_id)s::text::uuid"
LATEST = RUN.replace("{report}", "NULL::jsonb") + "ORDER BY started_at DESC, run_id LIMIT %(limit)s"
STANDING = """
WITH last AS (
    SELECT DISTINCT ON (scope) started_at, report FROM ops.reconciliations
    WHERE status = 'done' AND scope IN ('light', 'all') AND started_at > now() - interval '1 day'
    ORDER BY scope, started_at DESC
)
SELECT finding->>'code' AS code, finding->>'batch_id' AS batch_id, finding->>'what' AS what, finding->>'found' AS found,
       finding->>'expected' AS expected, finding->>'fix' AS fix,
       coalesce((finding->>'since')::timestamptz, started_at) AS since
FROM last, jsonb_array_elements(report->'findings') AS finding
WHERE finding->>'severity' = 'error' AND NOT ((report->>'repaired')::boolean AND finding->>'repair' IS NOT NULL)
ORDER BY since, code, batch_id LIMIT %(limit)s
"""


class PostgresRuns:
    """Implements the port `Runs`."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self) -> None:
        """Create the table where it is missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLE)

    def begin(self, run_id: str, scope: str, by: str) -> None:
        self._execute(BEGIN, (run_id, scope, by))

    def claim(self, run_id: str, scope: str, by: str, every_s: float) -> bool:
        asked = {"run_id": run_id, "scope": scope, "by": by, "every": timedelta(seconds=every_s)}
        with transaction(self._pool) as connection:
            connection.execute(LOCK)  # Of two that ask at the same moment one sees the other's.
            connection.execute(FORGET, (KEPT,))
            return connection.execute(CLAIM, asked).rowcount == 1

    def progress(self, run_id: str, jobs: int) -> None:
        self._execute(PROGRESS, (jobs, run_id))

    def end(self, run_id: str, report: object) -> None:
        kept: dict[str, Any] = msgspec.to_builtins(report)
        self._execute(END, (kept.get("jobs", 0), msgspec.json.encode(kept).decode(), run_id))

    def failed(self, run_id: str, problem: str) -> None:
        self._execute(FAILED, (problem, run_id))

    def get(self, run_id: str) -> RunRow | None:
        return next(iter(self._rows(ONE, {"run_id": run_id}, RunRow)), None)

    def latest(self, limit: int = 20) -> Sequence[RunRow]:
        return self._rows(LATEST, {"limit": limit}, RunRow)

    def standing(self, limit: int = 10) -> Sequence[StandingError]:
        return self._rows(STANDING, {"limit": limit}, StandingError)

    def _rows(self, statement: str, asked: dict[str, Any], kind: type[R]) -> list[R]:
        try:
            with transaction(self._pool) as connection:
                cursor = connection.cursor(row_factory=dict_row)
                rows = cursor.execute(statement, asked | {"lost": LOST_AFTER}).fetchall()
        except errors.UndefinedTable as error:
            raise LedgerUnavailable("reconciliations are not prepared; a start of `dispatch up` does it") from error
        return [msgspec.convert(row, kind) for row in rows]

    def _execute(self, statement: str, asked: tuple[Any, ...]) -> None:
        with transaction(self._pool) as connection:
            connection.execute(statement, asked)
