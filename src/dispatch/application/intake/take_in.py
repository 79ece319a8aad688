"""Take a batch as far as it can go: judged, admitted, repaired or taken back, whatever its state asks for."""

from collections.abc import Callable
from dataclasses import dataclass

from dispatch.application.batches import load_batch
from dispatch.application.intake.admit import AdmitBatch
from dispatch.application.intake.judge import Progress
from dispatch.application.intake.repair import RepairBatch, waits
from dispatch.application.intake.undo import UndoImport
from dispatch.application.ports.ledger import EventLedger
from dispatch.domain.batch.state import BatchStatus


@dataclass(frozen=True)
class TakeIn:
    """The use case behind the intake queue. Safe to repeat, to interrupt anywhere, and for two workers at once."""

    ledger: EventLedger
    admit: AdmitBatch
    repair: RepairBatch
    undo: UndoImport

    def __call__(
        self, batch_id: str, on_progress: Progress | None = None, *, until: Callable[[], bool] = lambda: False
    ) -> BatchStatus | None:
        """Answers where the batch stands when nothing is left to do; None for one that does not exist.

        Between two chunks it stops where `until` says so, and answers a state in which something is left to do.

        Raises:
            AttemptsUnderWay: an undo waits for jobs that are being sent; run it again in a while.
            LedgerUnavailable, VersionConflict: nothing is lost; run it again.
            FileNotFoundError: a received file is gone from the store.
        """
        before, undid = -1, False
        while True:
            batch, version = load_batch(self.ledger, batch_id)
            if version == before:
                return batch.status  # Nothing came of the last step, so nothing would of another.
            before = version
            if batch.status in (BatchStatus.UPLOADED, BatchStatus.ADMITTING):
                self.admit(batch_id, on_progress, until=until)
                if until():
                    return load_batch(self.ledger, batch_id)[0].status
            elif waits(batch):
                self.repair(batch_id)
            elif batch.status is BatchStatus.UNDOING:
                undid = self.undo(batch_id)
            else:
                if batch.status is BatchStatus.UNDONE and not undid:
                    self.undo.release(batch_id)  # We, or whoever was killed with this work, may have been admitting.
                return batch.status
