"""A writer process of the stress run: single appends through group commit, bulk appends, and some that roll back."""

import asyncio
import random
from collections.abc import Iterator

import ledgers
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.application.ports.ledger import LedgerUnavailable, VersionConflict

CALLERS = 32
BULK_MAX = 1_000
ROLLED_BACK_EVERY = 10


def write(url: str, events: int, seed: int) -> None:
    """Append exactly so many events, half of them one by one and half in bulk, at the same time."""
    ledger = PostgresLedger(LedgerRecorder(open_datastore(url)))
    try:
        asyncio.run(_write(ledger, events, random.Random(seed)))
    finally:
        ledger.close()


async def _write(ledger: PostgresLedger, events: int, chance: random.Random) -> None:
    singly = events // 2
    shares = [singly // CALLERS + (caller < singly % CALLERS) for caller in range(CALLERS)]
    callers = (_call(ledger, share, chance) for share in shares)
    await asyncio.gather(*callers, asyncio.to_thread(_import, ledger, events - singly, chance))


async def _call(ledger: PostgresLedger, events: int, chance: random.Random) -> None:
    stream, version = ledgers.new_id(), 0
    for _ in range(events):
        append = ledgers.follow(stream, version)
        while True:
            try:
                [answer] = await ledger.append_async([append])
                break
            except LedgerUnavailable:  # The lock was not to be had for a while: the same command again.
                continue
        if not isinstance(answer, range):
            raise answer
        version += 1
        if chance.random() < 0.1:  # A new job.
            stream, version = ledgers.new_id(), 0


def _import(ledger: PostgresLedger, events: int, chance: random.Random) -> None:
    for number, size in enumerate(_sizes(events, chance)):
        marker, jobs = ledgers.new_id(), [ledgers.new_id() for _ in range(size - 1)]
        if jobs and number % ROLLED_BACK_EVERY == 0:
            _append_in_vain(ledger, jobs)
        ledger.append_bulk(ledgers.start(marker), [ledgers.start(job) for job in jobs])


def _append_in_vain(ledger: PostgresLedger, jobs: list[str]) -> None:
    """A bulk append that conflicts at its end: it is rolled back, and its positions stay a gap."""
    try:
        ledger.append_bulk(ledgers.start(ledgers.new_id()), [ledgers.start(job) for job in [*jobs, jobs[0]]])
    except VersionConflict:
        return
    raise AssertionError("a stream that begins twice was recorded")


def _sizes(events: int, chance: random.Random) -> Iterator[int]:
    while events:
        size = min(events, chance.randint(1, BULK_MAX))
        yield size
        events -= size
