"""A system that works as its application's user, and a cluster where nobody has made roles yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.adapters.embedded.postgres import EmbeddedPostgres
from dispatch.entrypoints.bootstrap import App, open_app
from dispatch.entrypoints.settings import Settings
from servers import application_url


@pytest.fixture
def database_url(empty_url: str) -> str:
    """These tests are about what a migration makes: each runs it on an empty database, none gets a copy."""
    return empty_url


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[App]:
    """Migrated by the owner, everything else done by a user of its own."""
    settings = Settings(
        data=tmp_path / "data", database_url=application_url(database_url), database_owner_url=database_url
    )
    app = open_app(settings)
    app.migrate()
    yield app
    app.close()


@pytest.fixture
def new_cluster(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """Roles belong to the cluster: the one that other tests share has them already."""
    with EmbeddedPostgres(tmp_path / "new_cluster") as server:
        yield server
