"""Connection pools that are closed at the end of the test."""

from contextlib import ExitStack

import pytest
from psycopg_pool import ConnectionPool


@pytest.fixture
def pools():
    with ExitStack() as opened:
        yield lambda url: opened.enter_context(ConnectionPool(url, min_size=1, max_size=4))
