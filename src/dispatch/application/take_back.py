"""What people may take back: an import, by undoing it, and a judgement, by having the file judged again."""

from dataclasses import dataclass

import msgspec

from dispatch.application.batches import batch_events
from dispatch.application.handle import handle
from dispatch.application.intake.kept import must_be_kept
from dispatch.application.intake.undo import Fate, fate, jobs_of, rows_of
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.files import FileStore
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.domain.batch.commands import ResetBatch, UndoBatch
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import Event
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.identity import command_id
from dispatch.domain.job.state import JobStatus

KEPT_SHOWN = 100


class KeptJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that undoing does not cancel, and why: it was sent, it has ended, or an attempt is under way."""

    job_id: str
    row: int
    status: JobStatus
    why: Fate


class UndoPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What undoing would do now; jobs = cancels + cancelled + kept. Work goes on, so it may be another figure later."""

    batch_id: str
    status: BatchStatus
    jobs: int
    cancels: int  # Jobs that would be cancelled.
    cancelled: int  # That are cancelled already.
    kept: int  # That were sent or have ended, or are being sent.
    under_way: int  # Of the kept ones: they are cancelled after all if their attempt fails.
    kept_jobs: tuple[KeptJob, ...]


@dataclass(frozen=True)
class TakeBack:
    """Commands of people on whole batches. Each is recorded with who asked and why."""

    ledger: EventLedger
    files: FileStore
    clock: Clock

    def preview(self, batch_id: str, *, kept_max: int | None = KEPT_SHOWN) -> UndoPreview:
        """What undoing would do; nothing is changed or recorded. `kept_max`: how many kept jobs to name.

        Raises:
            BatchUnknown, NothingToUndo: there is nothing to undo.
            LedgerUnavailable: ask again.
        """
        batch = decider.fold(batch_events(self.ledger, batch_id))
        decider.decide(UndoBatch(batch_id=batch_id, at=self.clock(), by="", reason=""), batch)
        jobs = cancels = cancelled = kept = under_way = 0
        kept_jobs = list[KeptJob]()
        for chunk in jobs_of(self.ledger, batch_id, batch, rows_of(batch)):
            for row, (job_id, job) in chunk.items():
                why = fate(job)
                jobs += 1
                if why is Fate.CANCELLED:
                    cancelled += job.ended
                    cancels += not job.ended
                    continue
                kept += 1
                under_way += why is Fate.UNDER_WAY
                if kept_max is None or len(kept_jobs) < kept_max:
                    kept_jobs.append(KeptJob(job_id=job_id, row=row, status=job.status or JobStatus.RUNNING, why=why))
        return UndoPreview(
            batch_id=batch_id,
            status=batch.status or BatchStatus.UPLOADED,
            jobs=jobs,
            cancels=cancels,
            cancelled=cancelled,
            kept=kept,
            under_way=under_way,
            kept_jobs=tuple(kept_jobs),
        )

    def undo(self, batch_id: str, by: str, reason: str) -> list[Event]:
        """Ask for an import to be taken back; the intake role does it.

        Raises:
            BatchUnknown, NothingToUndo: nothing was recorded.
            LedgerUnavailable: ask again.
        """
        return self._handle(UndoBatch(batch_id=batch_id, at=self.clock(), by=by, reason=reason))

    def reset(self, batch_id: str, by: str, reason: str, error_threshold_percent: int | None = None) -> list[Event]:
        """Have the file judged again from the beginning, with every correction on top, as if it had just come.

        Raises:
            BatchUnknown, BatchHasJobs, ThresholdOutOfRange: nothing was recorded.
            FileRefused: `file_gone`: there is nothing left to be judged.
            LedgerUnavailable: ask again.
        """
        command = ResetBatch(
            batch_id=batch_id, at=self.clock(), by=by, reason=reason, error_threshold_percent=error_threshold_percent
        )
        batch = decider.fold(batch_events(self.ledger, batch_id))
        if decider.decide(command, batch):
            must_be_kept(self.files, batch_id, batch)
        return self._handle(command)

    def _handle(self, command: UndoBatch | ResetBatch) -> list[Event]:
        asked = command_id(command.batch_id, type(command).__name__, command.at)
        cause = Cause(command_id=asked, correlation_id=command.batch_id, actor=command.by)
        return handle(self.ledger, decider, command.batch_id, command, cause)
