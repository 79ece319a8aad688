"""The register of natural keys: who brought a job reference first."""

from collections.abc import Sequence

from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction

CLAIM = """
INSERT INTO intake.natural_keys (profile, natural_key, batch_id, row_number)
SELECT %s, asked.natural_key, %s, asked.row_number
FROM unnest(%b::text[], %b::bigint[]) AS asked (natural_key, row_number)
-- One order for everybody: two imports at once never wait for each other in a circle; of one call the first row wins.
ORDER BY asked.natural_key, asked.row_number
ON CONFLICT DO NOTHING
"""
OWNED_BY_OTHERS = """
SELECT asked.row_number
FROM unnest(%b::text[], %b::bigint[]) AS asked (natural_key, row_number)
JOIN intake.natural_keys AS owned ON owned.profile = %s AND owned.natural_key = asked.natural_key
WHERE (owned.batch_id, owned.row_number) <> (%s::uuid, asked.row_number)
"""
KNOWN = """
SELECT natural_key FROM intake.natural_keys WHERE profile = %s AND natural_key = ANY(%b::text[])
"""


class PostgresNaturalKeys:
    """Implements the port `NaturalKeys`; the primary key decides a race."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def claim(self, profile: str, batch_id: str, rows: Sequence[tuple[int, str]]) -> set[int]:
        numbers, keys = [row for row, _ in rows], [key for _, key in rows]
        with transaction(self._pool) as connection:
            claimed = connection.execute(CLAIM, (profile, batch_id, keys, numbers))
            if claimed.rowcount == len(rows):
                return set()  # All of them were new.
            others = connection.execute(OWNED_BY_OTHERS, (keys, numbers, profile, batch_id))
            return {int(row) for (row,) in others}

    def known(self, profile: str, keys: Sequence[str]) -> set[str]:
        with transaction(self._pool) as connection:
            return {key for (key,) in connection.execute(KNOWN, (profile, list(keys)))}
