"""Received files are kept for a time and then removed: the ledger holds what was made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from dispatch.application.ports.clock import Clock
from dispatch.application.ports.files import FileStore
from dispatch.application.ports.ledger import EventLedger
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import Event
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.identity import batch_id

NEEDS_FILE = frozenset({BatchStatus.UPLOADED, BatchStatus.AWAITING_APPROVAL, BatchStatus.ADMITTING})
"""A batch that stands so still reads its file."""


@dataclass(frozen=True)
class RemoveOldFiles:
    """The use case behind the timer. A file that a batch still reads stays, however old it is."""

    ledger: EventLedger
    files: FileStore
    clock: Clock
    kept_days: int

    def __call__(self, on_removed: Callable[[str], None] = lambda file_hash: None) -> int:
        """Remove what is older than allowed; answers how many files that were. Raises LedgerUnavailable, OSError."""
        removed = 0
        for file_hash in self.files.kept_before(self.clock() - timedelta(days=self.kept_days)):
            if not is_read(self.ledger, file_hash):
                self.files.remove(file_hash)
                on_removed(file_hash)
                removed += 1
        return removed


def is_read(ledger: EventLedger, file_hash: str) -> bool:
    """Does any run of this file still read it? Raises LedgerUnavailable."""
    run = 1
    while (batch := ledger.load(batch_id(file_hash, run))).version:
        if decider.fold(cast("list[Event]", batch.events)).status in NEEDS_FILE:
            return True
        run += 1
    return False
