"""A database with its ledger and its views, for the contracts of what stands beside them."""

from collections.abc import Callable, Iterator

import pytest
from psycopg_pool import ConnectionPool

from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.postgres.due import DueSheet
from dispatch.adapters.postgres.projector import Projector
from ledgers import opened_ledger


@pytest.fixture
def ledger(database_url: str) -> Iterator[PostgresLedger]:
    with opened_ledger(database_url) as ledger:
        yield ledger


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(database_url, min_size=1, max_size=2) as pool:
        yield pool


@pytest.fixture
def project(database_url: str, ledger: PostgresLedger) -> Callable[[], None]:
    """Brings the views up to date; their tables are there from the beginning."""

    def catch_up() -> None:
        projector = Projector(database_url, ledger)
        projector.prepare()
        while projector.step():
            pass
        projector.close()

    catch_up()
    return catch_up


@pytest.fixture
def sheet(pool: ConnectionPool, project: Callable[[], None]) -> DueSheet:
    """The sheet of what is due, with nothing paused."""
    sheet = DueSheet(pool)
    sheet.prepare()
    return sheet
