"""Ledgers that earlier versions wrote, and a database of today with their events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from dispatch.adapters.ledger.postgres import PostgresLedger
from ledgers import opened_ledger

FIRST = Path(__file__).parent / "fixtures" / "ledger-0.1"
INSERT = (
    "INSERT INTO ledger.stored_events (notification_id, originator_id, originator_version, topic, state, recorded_at,"
    " actor, correlation_id, causation_id)"
    " VALUES (%(position)s, %(stream)s, %(version)s, %(name)s, convert_to(%(state)s, 'UTF8'), %(recorded_at)s,"
    " %(actor)s, %(correlation_id)s, %(causation_id)s)"
)


def lines(folder: Path = FIRST) -> list[str]:
    """The export, line by line."""
    return (folder / "ledger.ndjson").read_text(encoding="utf-8").splitlines(keepends=True)


def entries(folder: Path = FIRST) -> list[dict[str, Any]]:
    """The events of an export, as they were stored."""
    return [entry for entry in map(json.loads, lines(folder)) if entry["kind"] == "entry"]


@contextmanager
def restored_ledger(url: str, folder: Path = FIRST) -> Iterator[PostgresLedger]:
    """These events in a database of today."""
    with opened_ledger(url) as ledger:
        with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executemany(INSERT, entries(folder))
        yield ledger
