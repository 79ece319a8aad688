"""Addresses of imported persons: written as a run of bytes, and folded into the index in the order of the index.

Contacts are hashes, so each entry of an import would go to a page of its own; folded by the hundred thousand in their
order they cost a fraction. Whoever looks an address up folds what waits first, so nothing is ever missed.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.ledger.framing import register_arrays, uuid_array
from dispatch.adapters.postgres.pool import transaction

ENTRY_BYTES = 32
RUNS_PER_STEP = 16

WRITE = "INSERT INTO privacy.address_runs (entries) VALUES (%b)"
TAKE = """
DELETE FROM privacy.address_runs WHERE run IN (
    SELECT run FROM privacy.address_runs ORDER BY run LIMIT %s FOR UPDATE
) RETURNING entries
"""
FOLD = """
INSERT INTO privacy.addresses (contact, subject) SELECT * FROM unnest(%b::uuid[], %b::uuid[]) ON CONFLICT DO NOTHING
"""

Connection = psycopg.Connection[Any]


def write_run(connection: Connection, pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """Remember pairs of contact and subject, for later."""
    if entries := b"".join(contact + subject for contact, subject in pairs):
        connection.execute(WRITE, (entries,))


class AddressRuns:
    """Folds runs into the index. Several processes may be at it: each waits for the runs that another one has taken."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self._pool = pool

    def fold(self) -> int:
        """Bring some runs into the index; answers how many entries these were, 0 when none waits.

        Raises LedgerUnavailable.
        """
        with transaction(self._pool) as connection:
            runs = [bytes(entries) for (entries,) in connection.execute(TAKE, (RUNS_PER_STEP,), binary=True)]
            if not runs:
                return 0
            everything = b"".join(runs)
            entries = sorted({everything[at : at + ENTRY_BYTES] for at in range(0, len(everything), ENTRY_BYTES)})
            register_arrays(connection)
            connection.execute(
                FOLD, (uuid_array(entry[:16] for entry in entries), uuid_array(entry[16:] for entry in entries))
            )
        return len(entries)

    def fold_all(self) -> None:
        """Bring every run that is there into the index. Raises LedgerUnavailable."""
        while self.fold():
            pass
