"""A ledger with events in it, and a sealer for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.seal.evidence import PostgresEvidence
from dispatch.adapters.seal.exports import ROTATIONS, CheckpointFolder
from dispatch.adapters.seal.keys import SealKey
from dispatch.adapters.seal.sealer import Sealer
from dispatch.application.ports.evidence import Verdict
from ledgers import follow, new_id, opened_ledger, start

ORIGIN = "example.org/ledger"


@pytest.fixture
def ledger(database_url: str) -> Iterator[PostgresLedger]:
    with opened_ledger(database_url) as ledger:
        yield ledger


@pytest.fixture
def exports(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "checkpoints")


@pytest.fixture
def seal_key(tmp_path: Path, exports: CheckpointFolder) -> SealKey:
    return SealKey(tmp_path / "seal.key", exports.path / ROTATIONS, ORIGIN)


@pytest.fixture
def open_sealer(
    ledger: PostgresLedger, database_url: str, seal_key: SealKey, exports: CheckpointFolder
) -> Iterator[Callable[[], Sealer]]:
    """Opens sealers of one ledger, one key and one folder."""
    opened: list[Sealer] = []

    def open_one() -> Sealer:
        opened.append(Sealer(database_url, seal_key, exports))
        return opened[-1]

    yield open_one
    for sealer in opened:
        sealer.close()


@pytest.fixture
def sealer(open_sealer: Callable[[], Sealer]) -> Sealer:
    return open_sealer()


@pytest.fixture
def grow(ledger: PostgresLedger) -> Callable[[int], list[str]]:
    """Appends so many events: streams of two, whose names it answers."""

    def append(events: int) -> list[str]:
        streams = [new_id() for _ in range((events + 1) // 2)]
        ledger.append([start(stream) for stream in streams])
        ledger.append([follow(stream, 1) for stream in streams[: events // 2]])
        return streams

    return append


@pytest.fixture
def superuser(ledger: PostgresLedger, database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Whoever owns the database, with every protection of the tables switched off."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table in ("stored_events", "seal_checkpoints"):  # As their owner can.
            connection.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER append_only")
        yield connection


@pytest.fixture
def evidence(
    ledger: PostgresLedger, database_url: str, seal_key: SealKey, exports: CheckpointFolder
) -> PostgresEvidence:
    return PostgresEvidence(database_url, seal_key, exports)


@pytest.fixture
def verify(evidence: PostgresEvidence) -> Callable[..., Verdict]:
    """Audits the ledger: all of it, or since a checkpoint."""

    def run(since: str | None = None, key: str | None = None) -> Verdict:
        return evidence.verify(since=since, key=key, on_progress=lambda done, total: None)

    return run
