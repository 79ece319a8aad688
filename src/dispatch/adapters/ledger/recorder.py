"""The `eventsourcing` library's recorder on our table: the same layout, our order of appends.

The library's own tools (notification log, repository, subscriptions) read and write the ledger through this class. Our
hot paths go beside it (`postgres.py`), under the same lock.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import SQL, Identifier

from dispatch.adapters.ledger.framing import register_arrays
from dispatch.adapters.postgres.locks import Lock

SCHEMA = "ledger"
TABLE = "stored_events"


class LedgerDatastore(PostgresDatastore):
    """The library's connection pool, with limits so that no stuck append can hold the lock for long."""

    def after_connect_func(self) -> Callable[[Connection[Any]], None]:
        library_settings = super().after_connect_func()

        def after_connect(connection: Connection[Any]) -> None:
            library_settings(connection)
            connection.execute("SET lock_timeout = '10s'; SET statement_timeout = '60s'")
            # Under a stricter level the version check would look at the ledger as it was before the lock was taken.
            connection.execute("SET default_transaction_isolation = 'read committed'")
            register_arrays(connection)

        return after_connect

    def register_type_adapters(self) -> None:
        """Nothing to do: we send no composite types, so opening a recorder needs no connection."""


def open_datastore(url: str, *, connections_max: int = 10) -> PostgresDatastore:
    """The library's connection pool for the ledger's schema. `url` is a libpq connection string or URL."""
    datastore = LedgerDatastore(
        dbname="",
        host="",
        port="",
        user="",
        password="",
        schema=SCHEMA,
        pool_size=1,
        max_overflow=connections_max - 1,
        idle_in_transaction_session_timeout=60,
        # The library's functions take no lock, so readers skip events: they stay off (ADR 0002).
        enable_db_functions=False,
    )
    # The library's five parts leave out sslmode, several hosts and whatever else a URL can say.
    datastore.pool.conninfo = url
    datastore.pool.kwargs = {"row_factory": dict_row}
    return datastore


class LedgerRecorder(PostgresApplicationRecorder):
    """Inserts under a transaction-scoped advisory lock instead of an EXCLUSIVE table lock.

    The lock is held until commit, so positions become visible in order, and VACUUM is never in the way. NOTIFY is sent
    after the commit: inside it, it would serialise the fsyncs of the whole cluster.
    """

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = TABLE) -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        self._insert = SQL(
            "INSERT INTO {}.{} (originator_id, originator_version, topic, state)"
            " SELECT * FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[]) RETURNING notification_id"
        ).format(Identifier(datastore.schema), Identifier(events_table_name))

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:  # noqa: ANN401 - the library's signature
        """Record these events in one transaction; answers their positions. Raises the library's IntegrityError."""
        if not stored_events:
            return []
        columns = (
            [_uuid(event.originator_id) for event in stored_events],
            [event.originator_version for event in stored_events],
            [event.topic for event in stored_events],
            [event.state for event in stored_events],
        )
        with self.datastore.get_connection() as connection:
            with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", (Lock.APPEND,))
                positions = [position for (position,) in cursor.execute(self._insert, columns)]
            connection.execute(SQL("NOTIFY {}").format(Identifier(self.channel_name)))
        return positions


def _uuid(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
