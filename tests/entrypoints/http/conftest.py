"""Servers for the tests of the HTTP door: one shared by a module, and one for a test alone."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from http_door import Door, open_door

from servers import fresh_database


@pytest.fixture(scope="module")
def module_database_url(server_url: str, template: str) -> Iterator[str]:
    """A database that the tests of a module share, migrated."""
    with fresh_database(server_url, template=template) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """A server that the tests of a module share: each sends files of its own."""
    async with open_door(module_database_url, tmp_path_factory.mktemp("http")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def own_door(database_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    """A server of this test alone, on a database of its own."""
    async with open_door(database_url, tmp_path) as opened:
        yield opened
