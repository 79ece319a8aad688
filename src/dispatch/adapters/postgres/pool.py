"""Connections for the small tables beside the ledger, and one error when there are none to be had."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.application.ports.ledger import LedgerUnavailable


@contextmanager
def statements(pool: ConnectionPool[psycopg.Connection[Any]]) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the pool on which each statement is a transaction of its own: one round trip instead of three.

    Raises:
        LedgerUnavailable: as `transaction`.
    """
    try:
        with pool.connection() as connection:
            usual, connection.autocommit = connection.autocommit, True
            try:
                yield connection
            finally:
                connection.autocommit = usual
    except psycopg.OperationalError as error:
        raise LedgerUnavailable(str(error)) from error


@contextmanager
def transaction(pool: ConnectionPool[psycopg.Connection[Any]]) -> Iterator[psycopg.Connection[Any]]:
    """One transaction on a connection of the pool.

    Raises:
        LedgerUnavailable: Postgres cannot be reached, or the connection broke; asking again is safe.
    """
    try:
        with pool.connection() as connection, connection.transaction():
            yield connection
    except psycopg.OperationalError as error:
        raise LedgerUnavailable(str(error)) from error
