"""The two tables that are written to, and how they are filled with rows that were encoded before."""

from collections.abc import Iterable, Sequence
from contextlib import closing

import psycopg

from benchmarks import stock
from benchmarks.contest import Stopwatch
from benchmarks.jobs import StoredRow, marker, new_stream, under_way
from benchmarks.lab import open_ledger
from dispatch.domain.job.events import JobOpened

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


def fill_ledger(url: str, jobs: Sequence[JobOpened]) -> None:
    """Our ledger with jobs of four events."""
    with closing(open_ledger(url)) as ledger:
        ledger.append_bulk(marker(1, len(jobs), len(jobs)), (new_stream(under_way(job)) for job in jobs))
    vacuum(url)


def stage_rows(url: str, batches: Iterable[tuple[int, StoredRow]]) -> None:
    """The new rows themselves, numbered by batch, beside the filled table."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE staged AS SELECT 0 AS batch, {ROW} FROM {stock.TABLE} LIMIT 0")
        with connection.cursor() as cursor, cursor.copy("COPY staged FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "uuid", "int8", "text", "bytea"])
            for batch, row in batches:
                copy.write_row((batch, *row))
        connection.execute("CREATE INDEX ON staged (batch)")
        connection.execute("VACUUM ANALYZE staged")


def insert_staged(url: str, batches: int) -> float:
    """The limit: rows that lie ready are inserted batch by batch; answers the seconds."""
    insert = f"INSERT INTO {stock.TABLE} ({ROW}) SELECT {ROW} FROM staged WHERE batch = %s"
    with psycopg.connect(url, autocommit=True) as connection, Stopwatch() as watch:
        for batch in range(batches):
            connection.execute(insert, (batch,), prepare=True)
    return watch.seconds
