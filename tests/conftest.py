"""Servers for tests. Each pytest-xdist worker has its own, started when first asked for."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.adapters.embedded.nats import EmbeddedNats
from dispatch.adapters.embedded.postgres import EmbeddedPostgres
from servers import EXTERNAL_DATABASE_URL, fresh_database, migrated_database

UNSAFE = {"fsync": "off", "full_page_writes": "off"}
"""Of the shared server alone: who kills a server has one of their own, with the settings of production."""

# Hundreds of processes are started: where the environment forbids compiled modules, each would compile a thousand anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell that starts us in the background, without job control, has Ctrl-C ignored. Whoever we start would inherit
# that, and those who end by Ctrl-C as Python has it would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest comes first, file by file: so that no worker is left alone with it at the end."""
    allowed_s: dict[Path, float] = {}
    for item in items:
        if item.get_closest_marker("end_to_end") and (limit := item.get_closest_marker("timeout")):
            allowed_s[item.path] = max(allowed_s.get(item.path, 0.0), float(limit.args[0]))
    items.sort(key=lambda item: allowed_s.get(item.path, 0.0), reverse=True)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running Postgres, shared by the session's tests. Nothing of it outlives them, so it waits for no disk."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), settings=UNSAFE) as server:
        yield server


@pytest.fixture(scope="session")
def production_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running Postgres with the settings of production, for the tests that look at them."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("production")) as server:
        yield server


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    """A running NATS server shared by the session's tests: what one of them leaves in JetStream, the next one finds."""
    with EmbeddedNats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    """Where the session's tests have their databases, as who may create them."""
    return EXTERNAL_DATABASE_URL or str(request.getfixturevalue("postgres_server").url)


@pytest.fixture(scope="session")
def template(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the database that is copied for tests."""
    with migrated_database(server_url, tmp_path_factory.mktemp("template")) as name:
        yield name


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A fresh database for this test: everything that `dispatch migrate` makes, and no event."""
    with fresh_database(server_url, template=template) as url:
        yield url


@pytest.fixture
def production_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh empty database for this test, on a server with the settings of production."""
    with fresh_database(EXTERNAL_DATABASE_URL or request.getfixturevalue("production_server").url) as url:
        yield url


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """A fresh database for this test in which nothing was made, for tests about how it is."""
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def nats_url(nats_server: EmbeddedNats) -> str:
    """The shared NATS server."""
    return nats_server.url


@pytest.fixture
def fresh_nats(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """A NATS server of this test alone, with nothing in JetStream; the test may stop and start it."""
    with EmbeddedNats(tmp_path / "fresh_nats") as server:
        yield server
