"""SQLAlchemy engines over psycopg, for the read side."""

from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine


def open_engine(url: str, *, read_only: bool = False, **options: Any) -> Engine:  # noqa: ANN401 - SQLAlchemy's options
    """An engine on a libpq connection string or URL, unix sockets included.

    A read-only engine is read-only at the database: a statement that writes is refused there.
    """

    def connect() -> psycopg.Connection:
        settings = "-c default_transaction_read_only=on" if read_only else ""
        return psycopg.connect(url, options=settings) if settings else psycopg.connect(url)

    return create_engine("postgresql+psycopg://", creator=connect, **options)
