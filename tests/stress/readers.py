"""A reader process of the stress run: follows the ledger at its own pace, and keeps what it saw, in order."""

import hashlib
import random
import time
from array import array
from collections.abc import Callable, Iterable
from typing import NamedTuple

from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore

LIMITS = (1, 7, 100, 1_000, 5_000)
PAUSE_MAX_S = 0.05


class Seen(NamedTuple):
    """The positions in the order in which they came, a hash over which event stood at each, and how often it asked."""

    positions: array
    digest: bytes
    reads: int


class Record:
    """Takes down events as they come."""

    def __init__(self) -> None:
        self.positions, self._digest = array("q"), hashlib.sha256()

    def add(self, events: Iterable[tuple[int, str, int]]) -> None:
        """Position, stream and version of each."""
        for position, stream, version in events:
            self.positions.append(position)
            self._digest.update(f"{position} {stream} {version}\n".encode())

    def seen(self, reads: int = 0) -> Seen:
        return Seen(self.positions, self._digest.digest(), reads)


def follow(url: str, is_over: Callable[[], bool], seed: int) -> Seen:
    """Read behind the last position that was seen, now one event and now 5,000, until the writers are done."""
    chance, record, after, reads = random.Random(seed), Record(), 0, 0
    ledger = PostgresLedger(LedgerRecorder(open_datastore(url, connections_max=1)))
    try:
        while True:
            last_round = is_over()  # Asked first: what was recorded before is read after.
            events = ledger.read(after, chance.choice(LIMITS))
            reads += 1
            record.add((event.position, event.stream, event.version) for event in events)
            if events:
                after = events[-1].position
            elif last_round:
                return record.seen(reads)
            if not last_round and chance.random() < 0.3:
                time.sleep(chance.random() * PAUSE_MAX_S)
    finally:
        ledger.close()
