"""The processes that are there: `ops.processes`, written by each of them every two seconds."""

import msgspec
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.grants import let_readers_read
from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.processes import GONE_AFTER_S, ProcessRow

NAME = "ops.processes"
TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS ops.processes (
    process_id uuid PRIMARY KEY,
    roles text[] NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    draining boolean NOT NULL
)
"""
SEEN = """
INSERT INTO ops.processes (process_id, roles, host, pid, version, started_at, seen_at, draining)
VALUES (%(process_id)s, %(roles)s, %(host)s, %(pid)s, %(version)s, %(started_at)s, clock_timestamp(), %(draining)s)
ON CONFLICT (process_id) DO UPDATE SET seen_at = excluded.seen_at, draining = excluded.draining
"""
FORGET = "DELETE FROM ops.processes WHERE seen_at < now() - interval '10 minutes'"
GONE = "DELETE FROM ops.processes WHERE process_id = %s"
PRESENT = """
SELECT process_id::text, roles, host, pid, version, started_at, seen_at, draining FROM ops.processes
WHERE seen_at > now() - make_interval(secs => %s) ORDER BY roles, started_at, process_id
"""


class PostgresProcesses:
    """Implements the port `Processes`."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self) -> None:
        """Create the table where it is missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLE)
            let_readers_read(connection.cursor(), [NAME])

    def seen(self, process: ProcessRow) -> None:
        with transaction(self._pool) as connection:
            connection.execute(SEEN, msgspec.structs.asdict(process) | {"roles": list(process.roles)})
            connection.execute(FORGET)

    def gone(self, process_id: str) -> None:
        with transaction(self._pool) as connection:
            connection.execute(GONE, (process_id,))

    def present(self) -> list[ProcessRow]:
        with transaction(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return msgspec.convert(cursor.execute(PRESENT, (GONE_AFTER_S,)).fetchall(), list[ProcessRow])
