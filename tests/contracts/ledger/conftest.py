"""Both forms of the ledger, each empty."""

import pytest

from dispatch.adapters.ledger.memory import MemoryLedger
from ledgers import opened_ledger


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
