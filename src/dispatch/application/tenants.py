"""Whose message it is: whoever brought the batch of a job, for the limit that each of them has."""

from collections.abc import Iterable

from dispatch.application.ports.ledger import EventLedger
from dispatch.domain.batch.events import BatchReceived

BATCHES_MAX = 10_000


class TenantOf:
    """Looks a batch up once, and remembers it: who brought it never changes."""

    def __init__(self, ledger: EventLedger) -> None:
        self._ledger = ledger
        self._known: dict[str, str] = {}

    def learn(self, batch_ids: Iterable[str]) -> None:
        """Read who brought these batches, where that is not known. Raises LedgerUnavailable."""
        new = [batch_id for batch_id in set(batch_ids) if batch_id and batch_id not in self._known]
        if len(self._known) + len(new) > BATCHES_MAX:
            self._known.clear()
        for batch_id in new:
            events = self._ledger.load(batch_id).events
            received = events[0] if events else None
            self._known[batch_id] = received.by if isinstance(received, BatchReceived) else ""

    def __call__(self, batch_id: str) -> str:
        """Who brought it; empty where nobody is known, as for a notification."""
        return self._known.get(batch_id, "")
