"""Databases for tests: a fresh one each, on the embedded server or on the one that the environment names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql

EXTERNAL_DATABASE_URL = os.environ.get("DISPATCH_TEST_DATABASE_URL")
"""A server to use instead of the embedded one; its user must be allowed to create databases."""


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of a new empty database on that server, dropped at the end with whoever is still connected."""
    name = f"test_{uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 STRATEGY wal_log").format(sql.Identifier(name))
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(create)
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(drop)


def as_user(url: str, user: str, password: str = "") -> str:
    """The same database as another user."""
    parts = urlsplit(url)
    credentials = f"{user}:{password}" if password else user
    return urlunsplit(parts._replace(netloc=f"{credentials}@{parts.netloc.rpartition('@')[2]}"))


def application_url(url: str) -> str:
    """The same database as the user that the application has: whoever migrates makes it."""
    return as_user(url, "dispatch_service", "test-only")
