"""Rebuilds a view from the ledger beside the one that serves, then puts it in its place in one transaction."""

import hashlib
from collections.abc import Callable

import msgspec
import psycopg
from psycopg.rows import tuple_row

from dispatch.adapters.postgres.grants import let_readers_read
from dispatch.adapters.postgres.projector import create_tables
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.adapters.postgres.views.catalogue import VIEWS, create_derived, drop_derived, readable
from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.application.ports.ledger import EventLedger

EVENTS_PER_STEP = 20_000
REBUILD = "rebuild"
"""The schema beside, made by the owner: the application needs no right to make schemas."""


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild found: the checksum of the rows that served until then, and of those that replace them."""

    view: str
    events: int
    position: int
    checksum_before: str
    checksum_after: str

    @property
    def same(self) -> bool:
        """Was the view that served equal to a replay of the ledger?"""
        return self.checksum_before == self.checksum_after


def rebuild(
    url: str, ledger: EventLedger, name: str, on_progress: Callable[[int, int], None] = lambda done, live: None
) -> Rebuilt:
    """Replay the ledger into fresh tables, as far as the view that serves has come, and swap them in.

    The old tables serve until then. `on_progress` is told the position reached and that of the view that serves.

    Raises:
        KeyError: no such view.
        LedgerUnavailable, psycopg.OperationalError: the tables that served go on serving; rebuild again.
    """
    kind = VIEWS[name]
    fresh = kind(schema=REBUILD)
    with psycopg.connect(url, autocommit=True, row_factory=tuple_row) as connection, connection.cursor() as cursor:
        act_as_application(connection)
        cursor.execute(
            "SELECT pg_advisory_lock(hashtext(%s))", (f"rebuild {name}",)
        )  # One rebuild of a view at a time.
        create_tables(cursor, fresh)  # In the place of what a rebuild that was killed has left.
        events, position = 0, 0
        while position < (live := _position(cursor, name)):
            count, position = _replay(cursor, fresh, ledger, position, live)
            events += count
            on_progress(position, live)
        with connection.transaction():
            # Holding the position keeps the live projector still for the last few events and the swap.
            version, live = _hold(cursor, name)
            while position < live:
                count, position = _replay(cursor, fresh, ledger, position, live)
                events += count
            served = kind()
            before = checksum(cursor, served) if version == kind.version else ""  # Another shape is not comparable.
            after = checksum(cursor, fresh)
            _swap(cursor, served, fresh)
            cursor.execute(
                "UPDATE ops.positions SET version = %s, position = %s WHERE view = %s", (kind.version, position, name)
            )
    return Rebuilt(view=name, events=events, position=position, checksum_before=before, checksum_after=after)


def checksum(cursor: Cursor, view: View) -> str:
    """SHA-256 over the view's rows in the order of their keys; equal for equal contents."""
    digest = hashlib.sha256()
    for table in view.tables:
        statement = f'SELECT t::text FROM {view.schema}.{table} AS t ORDER BY t::text COLLATE "C"'  # noqa: S608
        for (row,) in cursor.stream(statement):
            digest.update(row.encode())
            digest.update(b"\n")
        digest.update(b"\x1d")
    return digest.hexdigest()


def _position(cursor: Cursor, name: str) -> int:
    row = cursor.execute("SELECT position FROM ops.positions WHERE view = %s", (name,)).fetchone()
    return int(row[0]) if row else 0


def _hold(cursor: Cursor, name: str) -> tuple[int, int]:
    """The version and the position of the view that serves, which stays there until the transaction ends."""
    held = "SELECT version, position FROM ops.positions WHERE view = %s FOR UPDATE"
    [(version, position)] = cursor.execute(held, (name,)).fetchall()
    return int(version), int(position)


def _replay(cursor: Cursor, view: View, ledger: EventLedger, after: int, through: int) -> tuple[int, int]:
    recorded = [record for record in ledger.read(after, EVENTS_PER_STEP) if record.position <= through]
    if not recorded:
        return 0, through
    with cursor.connection.transaction():
        cursor.execute("SET LOCAL synchronous_commit = off")
        view.project(cursor, recorded)
    return len(recorded), recorded[-1].position


def _swap(cursor: Cursor, served: View, fresh: View) -> None:
    drop_derived(cursor)
    for table in reversed(served.tables):
        cursor.execute(f"DROP TABLE IF EXISTS {served.schema}.{table}")
    for table in fresh.tables:
        cursor.execute(f"ALTER TABLE {fresh.schema}.{table} SET SCHEMA {served.schema}")
    create_derived(cursor)
    let_readers_read(cursor, readable([served]))
