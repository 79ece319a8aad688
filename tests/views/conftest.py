"""A database with its ledger, a live projector and the queries that the doors ask."""

import pytest
from sqlalchemy.pool import NullPool

from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.queries import PostgresQueries
from ledgers import opened_ledger


@pytest.fixture
def ledger(database_url):
    with opened_ledger(database_url) as ledger:
        yield ledger


@pytest.fixture
def projector(database_url, ledger):
    projector = Projector(database_url, ledger)
    projector.prepare()
    yield projector
    projector.close()


@pytest.fixture
def queries(database_url):
    engine = open_engine(database_url, read_only=True, poolclass=NullPool)
    yield PostgresQueries(engine, ["validate", "verify", "dispatch", "confirm"])
    engine.dispose()
