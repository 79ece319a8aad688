"""The gates that people have closed, and the list of pauses, read from the view of pauses."""

from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import statements
from dispatch.application.control import PauseRow
from dispatch.application.ports.gates import Gate, gate_key
from dispatch.domain.control.events import PauseScope

ROWS = """
SELECT scope, name, paused_by AS by, reason, since, until, resumed_at, resumed_by FROM ops.pauses
"""
OPEN = "WHERE resumed_at IS NULL AND coalesce(until > now(), true)"
ELAPSED = "WHERE resumed_at IS NULL AND until <= now()"
NEWEST_FIRST = "ORDER BY since DESC, scope, name LIMIT %(limit)s"


class PostgresGates:
    """Implements the ports `Gates` and `PauseBook`, on the database's clock."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def closed(self) -> Mapping[str, Gate]:
        return {
            row.key: Gate(reason=row.reason, by=row.by, since=row.since, until=row.until)
            for row in self._rows(f"{ROWS} {OPEN}")
        }

    def pauses(self, *, ended: bool = False, limit: int = 1_000) -> list[PauseRow]:
        return self._rows(f"{ROWS} {'' if ended else OPEN} {NEWEST_FIRST}", limit=limit)

    def elapsed(self) -> list[PauseRow]:
        return self._rows(f"{ROWS} {ELAPSED}")

    def _rows(self, statement: str, **asked: int) -> list[PauseRow]:
        with statements(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return [_row(row) for row in cursor.execute(statement, asked).fetchall()]


def _row(row: dict[str, Any]) -> PauseRow:
    return msgspec.convert(row | {"key": gate_key(PauseScope(row["scope"]), row["name"])}, PauseRow)
