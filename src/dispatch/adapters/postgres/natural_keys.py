"""The register of natural keys: who brought a job reference first.

A row number is stored with the batch's resets above its 32 bits: rows before a reset are not the rows after it.
"""

import struct
from collections.abc import Iterable, Sequence

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.ledger.copying import HEADER, TRAILER
from dispatch.adapters.ledger.framing import bigint_array, register_arrays, text_array, uuid_bytes
from dispatch.adapters.postgres.pool import transaction
from dispatch.domain.identity import ROWS_MAX

CLAIM = """
INSERT INTO intake.natural_keys (profile, natural_key, batch_id, row_number)
SELECT %s, asked.natural_key, %s, asked.row_number
FROM unnest(%b::text[], %b::bigint[]) AS asked (natural_key, row_number)
-- One order for everybody: two imports at once never wait for each other in a circle; of one call the first row wins.
ORDER BY asked.natural_key COLLATE "C", asked.row_number
ON CONFLICT DO NOTHING
"""
OWNED_BY_OTHERS = """
SELECT asked.row_number
FROM unnest(%b::text[], %b::bigint[]) AS asked (natural_key, row_number)
JOIN intake.natural_keys AS owned ON owned.profile = %s AND owned.natural_key = asked.natural_key
WHERE (owned.batch_id, owned.row_number) <> (%s::uuid, asked.row_number)
"""
RELEASE = """
DELETE FROM intake.natural_keys
WHERE batch_id = %s::text::uuid AND row_number BETWEEN %s AND %s AND row_number <> ALL(%s::bigint[])
"""
COPY = "COPY intake.natural_keys (profile, natural_key, batch_id, row_number) FROM STDIN (FORMAT BINARY)"
COPY_FROM = 100
"""So many keys at once are an import's, and most likely new: COPY takes half the time of INSERT ... ON CONFLICT."""

_LENGTH = struct.Struct(">i").pack
_OWNER = struct.Struct(">i16siq").pack
_ROW_BITS = ROWS_MAX.bit_length()
KNOWN = """
SELECT natural_key FROM intake.natural_keys WHERE profile = %s AND natural_key = ANY(%b::text[])
"""


class PostgresNaturalKeys:
    """Implements the port `NaturalKeys`; the primary key decides a race."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def claim(self, profile: str, batch_id: str, rows: Sequence[tuple[int, str]], *, resets: int = 0) -> set[int]:
        first = resets << _ROW_BITS
        if len(rows) >= COPY_FROM and self._claim_new(profile, batch_id, rows, first):
            return set()
        numbers, keys = bigint_array([first + row for row, _ in rows]), text_array([key for _, key in rows])
        with transaction(self._pool) as connection:
            register_arrays(connection)
            claimed = connection.execute(CLAIM, (profile, batch_id, keys, numbers))
            if claimed.rowcount == len(rows):
                return set()  # All of them were new.
            others = connection.execute(OWNED_BY_OTHERS, (keys, numbers, profile, batch_id))
            return {int(row) - first for (row,) in others}

    def _claim_new(self, profile: str, batch_id: str, rows: Sequence[tuple[int, str]], first: int) -> bool:
        """Claim all of these, or none where one of them is not new. In the order of CLAIM."""
        name, batch = profile.encode(), uuid_bytes(batch_id)
        head = struct.pack(">hi", 4, len(name)) + name
        out = [HEADER]
        for key, row in sorted([(key.encode(), row) for row, key in rows]):
            out += (head, _LENGTH(len(key)), key, _OWNER(16, batch, 8, first + row))
        out.append(TRAILER)
        try:
            with transaction(self._pool) as connection, connection.cursor() as cursor, cursor.copy(COPY) as copy:
                copy.write(b"".join(out))
        except psycopg.errors.UniqueViolation:
            return False
        return True

    def release(self, batch_id: str, kept: Iterable[int], *, resets: int = 0) -> None:
        """One pass over the table: it has no index by batch, which every import would have to pay for."""
        first = resets << _ROW_BITS
        with transaction(self._pool) as connection:
            staying = [first + row for row in kept]
            connection.execute(RELEASE, (batch_id, first, first + ROWS_MAX, staying))

    def known(self, profile: str, keys: Sequence[str]) -> set[str]:
        with transaction(self._pool) as connection:
            return {key for (key,) in connection.execute(KNOWN, (profile, list(keys)))}
