"""Follows the ledger and keeps the views: rows and the position reached are written in one transaction."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from dispatch.adapters.postgres.grants import let_readers_read
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.adapters.postgres.views.catalogue import VIEWS, create_derived, drop_derived, readable
from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.application.ports.ledger import EventLedger, LedgerUnavailable, Recorded

EVENTS_PER_STEP = 5_000

POSITIONS = """
CREATE TABLE IF NOT EXISTS ops.positions (
    view text PRIMARY KEY,
    version int NOT NULL,
    position bigint NOT NULL,
    projected_at timestamptz NOT NULL DEFAULT now()
)
"""


class Projector:
    """The live projector. Two of them are safe: the positions' row locks let one work at a time, none twice."""

    def __init__(self, url: str, ledger: EventLedger, views: Mapping[str, type[View]] = VIEWS) -> None:
        self._url, self._ledger = url, ledger
        self._views = {name: kind() for name, kind in views.items()}
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def prepare(self) -> list[str]:
        """Create what is missing; answers the views whose shape has changed and that must be rebuilt."""
        with self.connection().transaction(), self.connection().cursor() as cursor:
            prepare_alone(cursor)
            for schema in ("ops", *sorted({view.home for view in self._views.values()} - {"ops"})):
                # Not IF NOT EXISTS: that asks for the right to create schemas even where there is nothing to create.
                if cursor.execute("SELECT to_regnamespace(%s)", (schema,)).fetchone() == (None,):
                    cursor.execute(f"CREATE SCHEMA {schema}")
            cursor.execute(POSITIONS)
            known = dict(cursor.execute("SELECT view, version FROM ops.positions").fetchall())
            missing = [view for name, view in self._views.items() if name not in known]
            drop_derived(cursor)  # Made again at each start: they hold nothing, and their text may be a newer one.
            for view in missing:
                create_tables(cursor, view)
                cursor.execute("INSERT INTO ops.positions VALUES (%s, %s, 0)", (view.name, view.version))
            create_derived(cursor)
            let_readers_read(cursor, ["ops.positions", *readable(self._views.values())])
        return [name for name, view in self._views.items() if known.get(name, view.version) != view.version]

    def step(self, limit: int = EVENTS_PER_STEP) -> int:
        """Project the next events, up to `limit`; answers how many there were.

        Raises:
            LedgerUnavailable: Postgres cannot be reached; nothing is lost, call again.
        """
        try:
            with self.connection().transaction(), self.connection().cursor() as cursor:
                # Rows and position are lost together or not at all, so waiting for the disk buys nothing here.
                cursor.execute("SET LOCAL synchronous_commit = off")
                positions = dict(cursor.execute("SELECT view, position FROM ops.positions FOR UPDATE").fetchall())
                start = min((positions[name] for name in self._views), default=0)
                recorded = self._ledger.read(start, limit)
                if recorded:
                    self._project(cursor, recorded, positions)
                return len(recorded)
        except psycopg.OperationalError as error:
            self.close()
            raise LedgerUnavailable(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next step opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The projector's own connection, opened when needed."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True, row_factory=tuple_row)
            act_as_application(self._connection)
        return self._connection

    def _project(self, cursor: Cursor, recorded: list[Recorded], positions: Mapping[str, int]) -> None:
        last = recorded[-1].position
        for name, view in self._views.items():
            reached = positions[name]
            news = recorded if reached < recorded[0].position else [r for r in recorded if r.position > reached]
            if news:
                view.project(cursor, news)
        cursor.execute(
            "UPDATE ops.positions SET position = %s, projected_at = now() WHERE view = ANY(%s) AND position < %s",
            (last, list(self._views), last),
        )


def create_tables(cursor: Cursor, view: View) -> None:
    """Create the tables of a view in its schema."""
    for table in reversed(view.tables):
        cursor.execute(f"DROP TABLE IF EXISTS {view.schema}.{table}")
    cursor.execute(view.sql(view.create))
