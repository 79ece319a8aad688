"""Both forms of the ledger, each empty."""

import pytest

from dispatch.adapters.ledger.memory import MemoryLedger
from ledgers import opened_ledger


@pytest.fixture
def database_url(production_url):
    """Those who race here wait for the disk, as in production: without that the windows would be narrower."""
    return production_url


@pytest.fixture
def memory_ledger():
    return MemoryLedger()


@pytest.fixture
def postgres_ledger(database_url):
    with opened_ledger(database_url) as ledger:
        yield ledger


@pytest.fixture(params=["memory_ledger", pytest.param("postgres_ledger", marks=pytest.mark.postgres)])
def ledger(request):
    return request.getfixturevalue(request.param)
