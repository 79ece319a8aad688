"""The sheet of batches that wait to be taken in: whose turn is it, and who is at which one?"""

from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from dispatch.domain.batch.desk import Priority
from dispatch.domain.batch.state import BatchStatus

FAILURES_MAX = 5
"""A batch that could not be taken in so often in a row is an alarm; it is still tried again, once a minute."""

STUCK_AFTER = timedelta(minutes=10)
"""Acceptance 1.16."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that this worker has to itself, until it gives it back or is not heard of any more."""

    batch_id: str
    worker: str
    status: BatchStatus
    priority: Priority


class BatchFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of a batch now; `position` is the ledger's head when it was read."""

    batch_id: str
    file_name: str
    file_bytes: int
    status: BatchStatus
    priority: Priority
    value_pence: int
    received_at: datetime
    needs_intake: bool
    position: int


class StuckBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that is to be taken in and does not move."""

    batch_id: str
    file_name: str
    status: BatchStatus
    since: datetime  # Its last event.
    failures: int  # In a row.
    cause: str  # Of the last failure: `file_missing`, or the kind of error.


class IntakeSheet(Protocol):
    """Which batches need intake now, and in which order. Losing it costs seconds: it is made again from the views.

    The views may be far behind the ledger while a large file is taken in, so whoever knows more notes it.

    First comes the higher priority, then what nobody was at yet, then the higher value (known once a batch is
    judged), then the older one. Waiting counts: after each minute a batch is as good as one of the next priority, so
    nothing waits for ever. Every method raises LedgerUnavailable; asking again is safe.
    """

    def take(self, worker: str, *, workers: int = 1) -> Turn | None:
        """The next batch for this worker; None when nothing waits.

        Of `workers` one is kept free of judging large files, which cannot be interrupted.
        """
        ...

    def note(self, facts: BatchFacts) -> None:
        """What the ledger says of a batch; it counts until the views have come as far."""
        ...

    def keep(self, worker: str) -> None:
        """Say that this worker lives: who is silent for five seconds loses what it had in hand."""
        ...

    def is_wanted(self, turn: Turn) -> bool:
        """Has another batch waited for more than a second that would come before this one?"""
        ...

    def put_back(self, turn: Turn) -> None:
        """The turn is over and the batch is not done: it queues up again, behind others of its priority."""
        ...

    def done(self, turn: Turn) -> None:
        """Nothing is left to do for the batch."""
        ...

    def failed(self, turn: Turn, cause: str) -> int:
        """It could not be taken in: it is tried again after a pause that doubles. Answers how often in a row."""
        ...

    def release(self, batch_id: str) -> None:
        """Take the batch from whoever has it in hand: the next worker that asks may have it, at once.

        Whoever had it finds at its next append that somebody else has written.
        """
        ...

    def stuck(self, *, after: timedelta = STUCK_AFTER) -> list[StuckBatch]:
        """Batches that have not moved for so long, or that keep failing; the longest stuck first."""
        ...
