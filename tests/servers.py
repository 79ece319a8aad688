"""Databases for tests: a fresh one each, on the embedded server or on the one that the environment names.

Hundreds of tests need the schema and are not about how it is made: they get a copy of one that was migrated before.
What a copy does not take along belongs to the database itself, and the migrations set nothing there: its settings
(ALTER DATABASE), its rights (GRANT ... ON DATABASE) and its owner. Roles belong to the cluster.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql

EXTERNAL_DATABASE_URL = os.environ.get("DISPATCH_TEST_DATABASE_URL")
"""A server to use instead of the embedded one; its user must be allowed to create databases."""


@contextmanager
def fresh_database(server_url: str, *, template: str = "template0") -> Iterator[str]:
    """The URL of a new database on that server, empty or a copy; dropped at the end with whoever is still connected."""
    name = f"test_{uuid4().hex}"
    # Measured: a copy by file takes a third of the work without fsync, and three times as long with it.
    strategy = "WAL_LOG" if template == "template0" else "FILE_COPY"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY " + strategy)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def migrated_database(server_url: str, data: Path) -> Iterator[str]:
    """The name of a database as `dispatch migrate` leaves an empty one, to be copied: nobody can connect to it."""
    from dispatch.entrypoints.bootstrap import (
        open_app,  # Here: tests without a database do not need a second of imports.
    )
    from dispatch.entrypoints.settings import Settings

    with fresh_database(server_url) as url:
        app = open_app(Settings(data=data, database_url=application_url(url), database_owner_url=url))
        try:
            app.migrate()
        finally:
            app.close()
        name = urlsplit(url).path.removeprefix("/")
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        yield name


def as_user(url: str, user: str, password: str = "") -> str:
    """The same database as another user."""
    parts = urlsplit(url)
    credentials = f"{user}:{password}" if password else user
    return urlunsplit(parts._replace(netloc=f"{credentials}@{parts.netloc.rpartition('@')[2]}"))


def application_url(url: str) -> str:
    """The same database as the user that the application has: whoever migrates makes it."""
    return as_user(url, "dispatch_service", "test-only")
