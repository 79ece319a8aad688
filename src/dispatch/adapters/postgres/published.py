"""How far the publisher has come, where every process can read it; the truth is the stream itself."""

from datetime import datetime
from typing import NamedTuple

from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application

EVENTS = "events"
TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS ops.published (
    stream text PRIMARY KEY,
    position bigint NOT NULL,
    noted_at timestamptz NOT NULL
)
"""
NOTE = """
INSERT INTO ops.published (stream, position, noted_at) VALUES (%s, %s, clock_timestamp())
ON CONFLICT (stream) DO UPDATE SET position = excluded.position, noted_at = excluded.noted_at
"""
READ = "SELECT position, noted_at FROM ops.published WHERE stream = %s"


class Noted(NamedTuple):
    """The position up to which everything is published, and when that was written down."""

    position: int
    at: datetime


class PublishedSheet:
    """One row, written about once a second by the publisher that leads. One that is lost is written again."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self) -> None:
        """Create the table where it is missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLE)

    def note(self, position: int) -> None:
        """Write down that everything up to this position is published. Raises LedgerUnavailable."""
        with transaction(self._pool) as connection:
            connection.execute(NOTE, (EVENTS, position))

    def read(self) -> Noted | None:
        """The last note; None when no publisher has written one yet. Raises LedgerUnavailable."""
        with transaction(self._pool) as connection:
            row = connection.execute(READ, (EVENTS,)).fetchone()
        return Noted(*row) if row else None
