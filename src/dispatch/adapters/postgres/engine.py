"""SQLAlchemy engines over psycopg, for the read side."""

from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine

from dispatch.adapters.postgres.roles import act_as_reader


def open_engine(url: str, *, read_only: bool = False, **options: Any) -> Engine:  # noqa: ANN401 - SQLAlchemy's options
    """An engine on a libpq connection string or URL, unix sockets included.

    A read-only engine is read-only at the database: a statement that writes is refused there, and one that looks at
    more than the views as well, where the database has the reader's role.
    """

    def connect() -> psycopg.Connection:
        if not read_only:
            return psycopg.connect(url)
        connection = psycopg.connect(url, options="-c default_transaction_read_only=on", autocommit=True)
        act_as_reader(connection)
        connection.autocommit = False
        return connection

    return create_engine("postgresql+psycopg://", creator=connect, **options)
