"""How far the publisher has come, where every process can read it; the truth is the stream itself."""

from typing import NamedTuple

import psycopg
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
READ = """
SELECT noted.position, coalesce(head.position, 0) - noted.position,
    coalesce(greatest(0, extract(epoch FROM clock_timestamp() - next.recorded_at)), 0)::float8
FROM ops.published AS noted
CROSS JOIN (SELECT max(notification_id) AS position FROM ledger.stored_events) AS head
LEFT JOIN LATERAL (
    SELECT recorded_at FROM ledger.stored_events
    WHERE notification_id > noted.position ORDER BY notification_id LIMIT 1
) AS next ON true
WHERE noted.stream = %s
"""


class PublisherLag(NamedTuple):
    """How far subscribers are behind the ledger; what was published in the last second may not be noted yet."""

    position: int  # Everything up to here is published.
    events: int  # Positions behind it, of which a few may be gaps.
    seconds: float  # For so long the first of them has waited.


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

    def lag(self) -> PublisherLag | None:
        """How far the publisher is behind; None when none has begun yet. Raises LedgerUnavailable."""
        try:
            with transaction(self._pool) as connection:
                row = connection.execute(READ, (EVENTS,)).fetchone()
        except psycopg.errors.UndefinedTable:  # Nobody of this version was here before.
            return None
        return PublisherLag(*row) if row else None

    def says(self) -> str:
        """The same in words. Raises LedgerUnavailable."""
        lag = self.lag()
        if lag is None:
            return "nothing published yet"
        return f"{lag.events:,} events, {lag.seconds:.1f} s behind"
