"""An application whose webhooks go to a receiver on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from endpoint_world import World

from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.settings import Settings
from receiver import Receiver, receiver
from servers import application_url


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    url = application_url(database_url)
    settings = Settings(
        data=tmp_path / "data",
        database_url=url,
        database_owner_url=database_url,
        endpoint_private_hosts="127.0.0.1 hooks.example.com",
    )
    app = open_app(settings)
    app.migrate()
    yield World(app)
    app.close()


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    with receiver() as it:
        yield it
