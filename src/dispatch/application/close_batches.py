"""Close the batches of which every job has ended."""

from dataclasses import dataclass

from dispatch.application.handle import handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.application.ports.queries import Queries
from dispatch.domain.batch.commands import CloseBatch
from dispatch.domain.batch.decide import decider
from dispatch.domain.identity import command_id


@dataclass(frozen=True)
class CloseBatches:
    """Asked by a timer: reads the sheet of batches with nothing open, and closes them by command."""

    ledger: EventLedger
    queries: Queries
    clock: Clock

    def __call__(self) -> list[str]:
        """The batches that were closed. Raises LedgerUnavailable; asking again is harmless."""
        closed = []
        for batch in self.queries.closable_batches():
            command = CloseBatch(
                batch_id=batch.batch_id,
                at=self.clock(),
                delivered=batch.delivered,
                blocked=batch.blocked,
                cancelled=batch.cancelled,
                archived=batch.archived,
            )
            asked = command_id(batch.batch_id, "close", batch.resets, batch.repaired)
            cause = Cause(command_id=asked, correlation_id=batch.batch_id, actor="timers")
            if handle(self.ledger, decider, batch.batch_id, command, cause):
                closed.append(batch.batch_id)
        return closed
