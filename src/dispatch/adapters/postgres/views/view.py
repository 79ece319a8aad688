"""What a view is to the projector: tables of its own, filled from events, droppable at any time."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import psycopg

from dispatch.application.ports.ledger import Recorded

Cursor: TypeAlias = psycopg.Cursor[Any]

NO_BATCH = "00000000-0000-0000-0000-000000000000"


def batch_of(record: Recorded) -> str:
    """The batch that an event belongs to; the nil UUID for one that was recorded without: no event stops a view."""
    return record.correlation_id or NO_BATCH


class View:
    """A read model. `{schema}` in its SQL stands for the schema that it lives or is rebuilt in.

    `version` rises whenever the file changes what the rows look like; the projector then rebuilds the view.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    home: ClassVar[str]  # The schema that it is served from.
    tables: ClassVar[tuple[str, ...]]  # In the order in which they are created.
    create: ClassVar[str]  # The tables and their indexes.
    derived: ClassVar[str] = ""  # SQL views over the tables; made again after every swap.

    def __init__(self, schema: str | None = None) -> None:
        self.schema = schema or self.home

    def sql(self, statement: str) -> str:
        """The statement for the schema of this instance."""
        return statement.replace("{schema}", self.schema)

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        """Bring the rows up to date with these events, which follow those projected before; each comes once."""
        raise NotImplementedError
