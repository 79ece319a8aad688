"""What an operator asks of the database: the server's promises, the schema's revision, the sizes of views."""

import msgspec
import psycopg
from psycopg import sql

from dispatch.adapters.postgres.migrate import current_revision, newest_revision
from dispatch.adapters.postgres.rights import Rights, ask_rights
from dispatch.adapters.postgres.views.catalogue import VIEWS

CONNECT_TIMEOUT_S = 5
GUARDED = """
SELECT count(*) = 2 FROM pg_trigger
WHERE tgrelid IN (to_regclass('ledger.stored_events'), to_regclass('ledger.seal_checkpoints'))
  AND tgname = 'append_only' AND tgenabled = 'A'
"""


class ServerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A Postgres server as a session of ours meets it. Without `fsync` a power cut loses what was answered."""

    version: str
    version_number: int  # 180001 for 18.1
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    revision: str
    revision_newest: str
    is_append_only: bool
    """Does the database itself refuse to change what the ledger holds? False also before the first migration."""
    rights: Rights


def inspect_server(url: str) -> ServerFacts:
    """Ask the server. Raises psycopg.OperationalError within five seconds when it does not answer."""
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('server_version_num')::int,"
            " current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')"
        ).fetchone()
        guarded = connection.execute(GUARDED).fetchone()
        rights = ask_rights(connection)
    if row is None:
        raise AssertionError("a SELECT without FROM answers one row")
    version, number, fsync, full_page_writes, synchronous_commit = row
    return ServerFacts(
        version=version,
        version_number=number,
        fsync=fsync,
        full_page_writes=full_page_writes,
        synchronous_commit=synchronous_commit,
        revision=current_revision(url),
        revision_newest=newest_revision(),
        is_append_only=guarded == (True,),
        rights=rights,
    )


def count_view(url: str, name: str) -> dict[str, int]:
    """The rows of each table of a view, by its full name. Raises KeyError for an unknown view."""
    kind, counts = VIEWS[name], {}
    with psycopg.connect(url, autocommit=True) as connection:
        for table in kind.tables:
            statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(kind.home, table))
            [(counts[f"{kind.home}.{table}"],)] = connection.execute(statement).fetchall()
    return counts
