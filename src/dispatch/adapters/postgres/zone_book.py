"""The changes of the zone, from their view."""

import msgspec
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.application.watchdog import ZoneChange

CHANGES = "SELECT at, zone, before, readings FROM ops.zone_changes ORDER BY position DESC LIMIT %s"


class PostgresZoneBook:
    """Implements the port `ZoneBook`."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def changes(self, *, limit: int = 20) -> list[ZoneChange]:
        with transaction(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return msgspec.convert(cursor.execute(CHANGES, (limit,)).fetchall(), list[ZoneChange])
