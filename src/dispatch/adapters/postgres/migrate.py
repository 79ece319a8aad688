"""Brings a database to the current schema; safe to run at every start, twice and at once."""

from pathlib import Path

import psycopg

from dispatch.adapters.postgres.grants import grant, lacks_grants
from dispatch.adapters.postgres.locks import Lock
from dispatch.adapters.postgres.roles import create_login, create_roles, lacks_roles

FOLDER = Path(__file__).with_name("migrations")

MAY_MIGRATE = """
SELECT has_database_privilege(current_database(), 'CREATE') AND coalesce(
    pg_has_role((SELECT relowner FROM pg_class WHERE oid = to_regclass('public.alembic_version')), 'USAGE'), true)
"""


class NotTheOwner(Exception):
    """The schema is not what it must be, and this user may not change it."""

    def __init__(self, reached: str, needed: str, user: str) -> None:
        super().__init__(reached, needed, user)
        self.reached, self.needed, self.user = reached, needed, user

    def __str__(self) -> str:
        return (
            f"the database is at revision {self.reached or 'none'}, {self.needed} is needed, and the user {self.user}"
            " may not change it"
        )


def current_revision(url: str) -> str:
    """The revision at which the database stands; empty before the first migration."""
    with psycopg.connect(url, autocommit=True) as connection:
        return _revision(connection)


def newest_revision() -> str:
    """The revision that this version of dispatch needs."""
    return max(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def migrate(url: str, *, application_url: str = "") -> str:
    """Run what is missing and answer the revision reached. Whoever the URL names owns the ledger.

    `application_url` is what the application connects with; its user is made where it is missing.

    Raises:
        NotTheOwner: something is missing, and this user may not add it.
        psycopg.Error: the database refuses; it is as it was.
    """
    newest = newest_revision()
    with psycopg.connect(url, autocommit=True) as connection:
        # The usual start: Alembic is not even imported.
        if _revision(connection) != newest or lacks_roles(connection) or lacks_grants(connection):
            connection.execute("SELECT pg_advisory_lock(%s)", (Lock.MIGRATE,))
            create_roles(connection)
            if (reached := _revision(connection)) != newest:
                if connection.execute(MAY_MIGRATE).fetchone() != (True,):
                    raise NotTheOwner(reached, newest, connection.info.user)
                _upgrade(url)
            grant(connection)
        if application_url:
            create_login(connection, application_url)
    return newest


def _revision(connection: psycopg.Connection) -> str:
    if connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() == (None,):
        return ""
    row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return str(row[0]) if row else ""


def _upgrade(url: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.pool import NullPool

    from dispatch.adapters.postgres.engine import open_engine

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    engine = open_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
