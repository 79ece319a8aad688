"""Take an import back: what would happen to each of its jobs, and doing it, chunk by chunk."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import cast

from dispatch.application.batches import batch_events
from dispatch.application.handle import handle, handle_many
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.application.ports.natural_keys import NaturalKeys
from dispatch.domain import identity
from dispatch.domain.batch.commands import FinishUndo
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import UndoRequested
from dispatch.domain.batch.state import Batch, BatchStatus
from dispatch.domain.job.commands import CancelJob
from dispatch.domain.job.decide import decider as job_decider
from dispatch.domain.job.events import Event as JobEvent
from dispatch.domain.job.state import Job, JobStatus

ACTOR = "intake"
JOBS_PER_CHUNK = 500
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Between looks at jobs with an attempt on its way; after these the work goes back into the queue for a while."""


class Fate(StrEnum):
    """What undoing does to a job."""

    CANCELLED = "cancelled"  # Already, or by this undo.
    SENT = "sent"
    ENDED = "ended"
    UNDER_WAY = "under_way"  # An attempt that acts is on its way: its answer decides.


class AttemptsUnderWay(Exception):
    """Jobs are being sent at this moment; the undo goes on when their answers are there."""


def fate(job: Job) -> Fate:
    """What undoing does to this job."""
    if job.status is JobStatus.CANCELLED:
        return Fate.CANCELLED
    if job.ended:
        return Fate.ENDED
    if job.sent or (job.may_have_acted and job.status is JobStatus.ESCALATED):
        return Fate.SENT  # Or nobody knows: it is listed with those.
    return Fate.UNDER_WAY if job.may_have_acted else Fate.CANCELLED


def rows_of(batch: Batch) -> range:
    """The rows that may be jobs: those up to the last one that was admitted or repaired."""
    return range(1, max((batch.row_through, *batch.repaired)) + 1)


def jobs_of(
    ledger: EventLedger, batch_id: str, batch: Batch, rows: Sequence[int], size: int = JOBS_PER_CHUNK
) -> Iterator[dict[int, tuple[str, Job]]]:
    """The jobs of these rows, a chunk at a time: row to job id and job. From the ledger: views may lag."""
    if batch.received_at is None:
        return
    job_id, waiting = identity.job_ids(batch_id, batch.received_at), iter(rows)
    while chunk := list(islice(waiting, size)):
        histories = ledger.load_many([job_id(row) for row in chunk])
        yield {
            row: (job_id(row), job_decider.fold(cast("list[JobEvent]", histories[job_id(row)].events)))
            for row in chunk
            if histories[job_id(row)].version
        }


@dataclass(frozen=True)
class UndoImport:
    """Cancels what was not sent. Interrupted anywhere it starts over, and finds what it has done."""

    ledger: EventLedger
    natural_keys: NaturalKeys
    clock: Clock
    pause: Callable[[float], None] = time.sleep
    jobs_per_chunk: int = JOBS_PER_CHUNK

    def __call__(self, batch_id: str) -> bool:
        """Take back a batch of which that was asked; False where another worker had ended that already.

        Raises:
            AttemptsUnderWay: run it again in a while.
            LedgerUnavailable, VersionConflict: nothing is lost; run it again.
        """
        events = batch_events(self.ledger, batch_id)
        batch = decider.fold(events)
        if batch.status is not BatchStatus.UNDOING:
            return False
        asked = next(event for event in reversed(events) if isinstance(event, UndoRequested))
        cancelled, kept = 0, list[int]()
        left: Sequence[int] = rows_of(batch)[::-1]  # From the end: workers come from the beginning.
        for pause_s in (*PAUSES_S, None):
            under_way = list[int]()
            for jobs in jobs_of(self.ledger, batch_id, batch, left, self.jobs_per_chunk):
                fates = self._cancel(batch_id, batch, asked, jobs)
                cancelled += sum(each is Fate.CANCELLED for each in fates.values())
                kept += [row for row, each in fates.items() if each in (Fate.SENT, Fate.ENDED)]
                under_way += [row for row, each in fates.items() if each is Fate.UNDER_WAY]
            left = under_way
            if not left:
                break
            if pause_s is None:
                raise AttemptsUnderWay(f"{len(left)} of batch {batch_id}")
            self.pause(pause_s)
        self.natural_keys.release(batch_id, kept, resets=batch.resets)
        finish = FinishUndo(batch_id=batch_id, at=self.clock(), cancelled=cancelled, kept=batch.kept + len(kept))
        handle(self.ledger, decider, batch_id, finish, self._cause(batch_id, "undone", batch.resets))
        return True

    def release(self, batch_id: str) -> None:
        """Give up keys once more: a worker that was still admitting may have claimed some when the undo had ended."""
        batch = decider.fold(batch_events(self.ledger, batch_id))
        chunks = jobs_of(self.ledger, batch_id, batch, rows_of(batch), self.jobs_per_chunk)
        kept = [row for jobs in chunks for row, (_, job) in jobs.items() if fate(job) is not Fate.CANCELLED]
        self.natural_keys.release(batch_id, kept, resets=batch.resets)

    def _cancel(
        self, batch_id: str, batch: Batch, asked: UndoRequested, jobs: dict[int, tuple[str, Job]]
    ) -> dict[int, Fate]:
        """Cancel those that can be; answers what became of each. A worker that was faster has its say."""
        fates = {row: fate(job) for row, (_, job) in jobs.items()}
        at = self.clock()
        commands = {
            row: (job_id, CancelJob(job_id=job_id, at=at, by=asked.by, reason=asked.reason))
            for row, (job_id, job) in jobs.items()
            if fates[row] is Fate.CANCELLED and not job.ended
        }
        if not commands:
            return fates
        cause = self._cause(batch_id, "undo", batch.resets, min(commands), at)
        answers = handle_many(self.ledger, job_decider, list(commands.values()), cause)
        refused = [row for row, (job_id, _) in commands.items() if not isinstance(answers[job_id], list)]
        for again in jobs_of(self.ledger, batch_id, batch, refused, self.jobs_per_chunk):
            # One that could be cancelled again meanwhile, because its attempt has failed, has its turn later.
            fates |= {row: fate(job) if job.ended or job.sent else Fate.UNDER_WAY for row, (_, job) in again.items()}
        return fates

    def _cause(self, batch_id: str, *step: object) -> Cause:
        return Cause(command_id=identity.command_id(batch_id, *step), correlation_id=batch_id, actor=ACTOR)
