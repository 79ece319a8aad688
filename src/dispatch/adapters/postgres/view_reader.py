"""Reading views: a statement in, rows as structs out; one connection a statement, read-only at the database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from dispatch.application.ports.queries import ViewsUnavailable

R = TypeVar("R")


class ViewReader:
    """What the query adapters share."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def _rows(self, kind: type[R], statement: str, asked: Mapping[str, Any]) -> list[R]:
        with self._connection() as connection:
            found = connection.execute(text(statement), dict(asked)).mappings().all()
        return [msgspec.convert(dict(row), kind) for row in found]

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise ViewsUnavailable(type(error.orig).__name__) from error
