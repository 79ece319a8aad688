"""Ledgers for tests, and what is appended to them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

from msgspec.structs import replace

import examples
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.postgres.migrate import migrate
from dispatch.application.ports.ledger import Append, Cause
from dispatch.domain.events import Event
from dispatch.domain.job.events import JobOpened


@contextmanager
def opened_ledger(url: str, *, connections_max: int = 10) -> Iterator[PostgresLedger]:
    """The ledger on a migrated database."""
    migrate(url)
    ledger = PostgresLedger(LedgerRecorder(open_datastore(url, connections_max=connections_max)))
    try:
        yield ledger
    finally:
        ledger.close()


def new_id() -> str:
    """A stream or a command that nobody has used."""
    return str(uuid4())


def cause(command_id: str = "", actor: str = "ann") -> Cause:
    """A command, new unless named, that belongs to the example's batch."""
    return Cause(command_id=command_id or new_id(), correlation_id=examples.BATCH_ID, actor=actor)


def opened_job(stream: str, note: str = "side gate") -> JobOpened:
    """How a job begins."""
    return replace(examples.opened, job_id=stream, details={"note": note})


def start(stream: str, *, command_id: str = "", events: Sequence[Event] = ()) -> Append:
    """The first append to a stream: a job that opens, unless told otherwise."""
    return Append(stream, 0, tuple(events) or (opened_job(stream),), cause(command_id))


def follow(stream: str, version: int, *, command_id: str = "", events: Sequence[Event] = ()) -> Append:
    """An append to a stream that has come to `version`: a stage completed, unless told otherwise."""
    return Append(stream, version, tuple(events) or (replace(examples.completed, job_id=stream),), cause(command_id))
