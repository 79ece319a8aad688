"""The `eventsourcing` library as it comes: its recorder, table and default settings; only the bytes are ours."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks.jobs import StoredRow

TABLE = "stored_events"
COPY = f"COPY {TABLE} (originator_id, originator_version, topic, state) FROM STDIN (FORMAT BINARY)"
POOL_SIZE, POOL_OVERFLOW = 5, 10  # The defaults of the library's POSTGRES_POOL_SIZE and POSTGRES_MAX_OVERFLOW.

STATE_BYTES_MAX = 330_000
"""Above about 400 kB of states in one call (600 of our jobs) its pipelined insert hangs for ever on a unix socket."""
EVENTS_MAX = 1_000


@contextmanager
def stock_recorder(url: str) -> Iterator[PostgresApplicationRecorder]:
    """The library's recorder on this database; its table must be there (see `create_table`)."""
    parts = conninfo_to_dict(url)
    datastore = PostgresDatastore(
        str(parts["dbname"]),
        str(parts["host"]),
        str(parts["port"]),
        str(parts["user"]),
        "",
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
    )
    with closing(datastore):
        yield PostgresApplicationRecorder(datastore, events_table_name=TABLE)


def create_table(url: str) -> None:
    """The library's table with its two indexes: also what the limits are measured on."""
    with stock_recorder(url) as recorder:
        recorder.create_table()


def safe_chunks(rows: Sequence[StoredRow]) -> Iterator[list[StoredEvent]]:
    """The largest chunks that the library takes without hanging: at most 1,000 events and STATE_BYTES_MAX."""
    chunk: list[StoredEvent] = []
    size = 0
    for row in rows:
        size += len(row[3])
        if chunk and (len(chunk) == EVENTS_MAX or size > STATE_BYTES_MAX):
            yield chunk
            chunk, size = [], len(row[3])
        chunk.append(StoredEvent(*row))
    if chunk:
        yield chunk
