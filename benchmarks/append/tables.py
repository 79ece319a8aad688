"""The two tables that are written to, and how they are filled with rows that were encoded before."""

from collections.abc import Sequence

import psycopg

from benchmarks.contest import Stopwatch

LEDGER_TABLE = "ledger.stored_events"
ROW = "originator_id, originator_version, topic, state"  # All that the library's table holds, beside the position.
LEDGER_ROW = f"{ROW}, actor, correlation_id, causation_id"

ISSUE, DESIGN = "main job", "design"
"""Where the goals come from."""


def copy_blocks(url: str, table: str, columns: str, blocks: Sequence[bytes]) -> Stopwatch:
    """One transaction a block; all of them are timed together."""
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor, Stopwatch() as watch:
        for block in blocks:
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(block)
    return watch


def vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
