"""The embedded Postgres of a run: production settings, and a fresh database for every measurement."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from dispatch.adapters.embedded.postgres import EmbeddedPostgres
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.postgres.migrate import migrate

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
SHOWN = (*DURABLE, "shared_buffers", "max_wal_size")


class LabMissing(Exception):
    """This machine has not got what the lab of a goal is made with."""


class Lab:
    """Databases are copies of templates, so everybody starts from the same state on the same server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server = EmbeddedPostgres(folder / "postgres")
        self._templates: dict[str, str] = {}

    def __enter__(self) -> "Lab":
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop()

    def settings(self) -> dict[str, str]:
        """The server's version and settings. Raises RuntimeError when one of them would make commits not durable."""
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            found = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in SHOWN}
        off = [name for name in DURABLE if found[name] != "on"]
        if off:
            raise RuntimeError(f"{', '.join(off)} must be on: what is not durable is not compared")
        return {"Postgres": self._server.version, **found}

    @contextmanager
    def database(self, template: str = "empty", fill: Callable[[str], None] = lambda url: None) -> Iterator[str]:
        """The URL of a fresh copy of a template; `fill` makes the template when it is first asked for."""
        if template not in self._templates:
            self._templates[template] = self._create("template0")
            fill(self._url(self._templates[template]))
        name = self._create(self._templates[template])
        self._execute(sql.SQL("CHECKPOINT"))  # Nobody pays for what the one before has left to be written.
        try:
            yield self._url(name)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def ledger(
        self, template: str = "ledger", fill: Callable[[str], None] = lambda url: None
    ) -> Iterator[tuple[PostgresLedger, str]]:
        """Our ledger on a fresh migrated database (to which `fill` adds), and the database's URL."""

        def migrated(url: str) -> None:
            migrate(url)
            fill(url)

        with self.database(template, migrated) as url, closing(open_ledger(url)) as ledger:
            yield ledger, url

    def _create(self, template: str) -> str:
        name = f"bench_{uuid4().hex}"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log")
        self._execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def _execute(self, statement: sql.Composable) -> None:
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(statement)

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._server.url)._replace(path=f"/{name}"))


def open_ledger(url: str) -> PostgresLedger:
    """The ledger as production opens it."""
    return PostgresLedger(LedgerRecorder(open_datastore(url)))


def count_rows(url: str, table: str) -> int:
    """How many rows a table really holds: every contestant is checked by it."""
    with psycopg.connect(url, autocommit=True) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
