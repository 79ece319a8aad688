"""Received files are kept for a time and then removed: the ledger holds what was made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from dispatch.application.batches import load_batch
from dispatch.application.intake.kept import files_of
from dispatch.application.intake.repair import waits
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.files import FileStore
from dispatch.application.ports.ledger import EventLedger
from dispatch.application.ports.queries import Queries
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.identity import batch_id

NEEDS_FILE = frozenset({BatchStatus.UPLOADED, BatchStatus.AWAITING_APPROVAL, BatchStatus.ADMITTING})
"""A batch that stands so still reads its files: its own, and those of its corrections."""


@dataclass(frozen=True)
class RemoveOldFiles:
    """The use case behind the timer. A file that a batch still reads stays, however old it is."""

    ledger: EventLedger
    queries: Queries
    files: FileStore
    clock: Clock
    kept_days: int

    def __call__(self, on_removed: Callable[[str], None] = lambda file_hash: None) -> int:
        """Remove what is older than allowed; answers how many files that were.

        Raises LedgerUnavailable, ViewsUnavailable, OSError.
        """
        old = list(self.files.kept_before(self.clock() - timedelta(days=self.kept_days)))
        needed = self._corrections_that_are_read() if old else set()
        removed = 0
        for file_hash in old:
            if file_hash not in needed and not is_read(self.ledger, file_hash):
                self.files.remove(file_hash)
                on_removed(file_hash)
                removed += 1
        return removed

    def _corrections_that_are_read(self) -> set[str]:
        """The views say which batches read files, the ledger which files those are.

        A view that lags by less than the days of keeping forgets none: a file that came since is too young.
        """
        reading = self.queries.reading_batches()
        return {each for batch_id in reading for each in files_of(load_batch(self.ledger, batch_id)[0])}


def is_read(ledger: EventLedger, file_hash: str) -> bool:
    """Does any run of this file still read it? Raises LedgerUnavailable."""
    run = 1
    while (batch := load_batch(ledger, batch_id(file_hash, run)))[1]:
        if batch[0].status in NEEDS_FILE or waits(batch[0]):
            return True
        run += 1
    return False
