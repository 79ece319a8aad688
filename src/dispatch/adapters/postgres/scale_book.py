"""What was asked about the numbers of processes, from the view of fleets."""

import msgspec
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.application.fleet import ScaleRow

ASKED = 'SELECT role, processes, asked_by AS "by", reason, at, position FROM ops.fleets ORDER BY role'


class PostgresScaleBook:
    """Implements the port `ScaleBook`."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def asked(self) -> list[ScaleRow]:
        with transaction(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return msgspec.convert(cursor.execute(ASKED).fetchall(), list[ScaleRow])
