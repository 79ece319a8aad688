"""The last look at each source: what is not worth an event."""

import msgspec
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.grants import let_readers_read
from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.sources import Look

NAME = "ops.source_looks"
TABLE = """
CREATE TABLE IF NOT EXISTS ops.source_looks (
    source_id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,
    outcome text NOT NULL,
    detail text NOT NULL,
    failures integer NOT NULL,
    mark text NOT NULL
)
"""
LAST = "SELECT at, next_at, outcome, detail, failures, mark FROM ops.source_looks WHERE source_id = %s"
HASTEN = "UPDATE ops.source_looks SET next_at = now() WHERE source_id = %s"
NOTE = """
INSERT INTO ops.source_looks (source_id, at, next_at, outcome, detail, failures, mark)
VALUES (%(source_id)s, %(at)s, %(next_at)s, %(outcome)s, %(detail)s, %(failures)s, %(mark)s)
ON CONFLICT (source_id) DO UPDATE
SET at = excluded.at, next_at = excluded.next_at, outcome = excluded.outcome, detail = excluded.detail,
    failures = excluded.failures, mark = excluded.mark
"""


class PostgresSourceLooks:
    """Implements the port `SourceLooks`."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self) -> None:
        """Create the table where it is missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLE)
            let_readers_read(connection.cursor(), [NAME])  # The list of sources shows the last looks.

    def last(self, source_id: str) -> Look | None:
        with transaction(self._pool) as connection:
            row = connection.execute(LAST, (source_id,)).fetchone()
        return msgspec.convert(dict(zip(Look.__struct_fields__, row, strict=True)), Look) if row else None

    def hasten(self, source_id: str) -> None:
        with transaction(self._pool) as connection:
            connection.execute(HASTEN, (source_id,))

    def note(self, source_id: str, look: Look) -> None:
        values = msgspec.structs.asdict(look) | {"source_id": source_id, "outcome": look.outcome.value}
        with transaction(self._pool) as connection:
            connection.execute(NOTE, values)
