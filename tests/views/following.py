"""Helpers for views: catch up, compare."""

import psycopg
from psycopg.rows import tuple_row

from dispatch.adapters.postgres.rebuild import checksum
from dispatch.adapters.postgres.views.catalogue import VIEWS


def catch_up(projector, limit=5_000):
    """Step until nothing is left."""
    while projector.step(limit):
        pass


def checksums(url):
    """The contents of every view, as one checksum each."""
    with psycopg.connect(url, row_factory=tuple_row) as connection, connection.cursor() as cursor:
        return {name: checksum(cursor, kind()) for name, kind in VIEWS.items()}


def counts(url):
    """How many rows each view's tables hold together."""
    with psycopg.connect(url) as connection:
        return {
            f"{kind.home}.{table}": connection.execute(f"SELECT count(*) FROM {kind.home}.{table}").fetchone()[0]  # noqa: S608 - our own names
            for kind in VIEWS.values()
            for table in kind.tables
        }


def drop_views(url):
    """Everything that the projector made; its schemas stay."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE ops.positions")
        for kind in VIEWS.values():
            for table in kind.tables:
                connection.execute(f"DROP TABLE {kind.home}.{table} CASCADE")
