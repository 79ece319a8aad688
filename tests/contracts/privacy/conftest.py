"""The vault and the ledger over it, on a fresh database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool

from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.privacy.keyring import Keyring
from dispatch.adapters.privacy.ledger import EncryptedLedger
from dispatch.adapters.privacy.master_keys import MasterKeys
from dispatch.adapters.privacy.vault import PostgresPersonVault
from ledgers import opened_ledger

Process = tuple[PostgresPersonVault, Keyring]


@pytest.fixture
def plain_ledger(database_url: str) -> Iterator[PostgresLedger]:
    with opened_ledger(database_url) as ledger:
        yield ledger


@pytest.fixture
def pool(database_url: str, plain_ledger: PostgresLedger) -> Iterator[ConnectionPool]:
    with ConnectionPool(database_url, min_size=0, max_size=4, open=True) as pool:
        yield pool


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "master.key"


@pytest.fixture
def process(pool: ConnectionPool, key_file: Path) -> Callable[..., Process]:
    """Another process of the same system: keys of its own, the same key file and database."""

    def start(path: Path = key_file, setting: str = "") -> Process:
        keyring = Keyring(pool, MasterKeys(path, setting))
        return PostgresPersonVault(pool, keyring), keyring

    return start


@pytest.fixture
def vault(process: Callable[..., Process]) -> PostgresPersonVault:
    return process()[0]


@pytest.fixture
def ledger(plain_ledger: PostgresLedger, vault: PostgresPersonVault) -> EncryptedLedger:
    return EncryptedLedger(plain_ledger, vault)
