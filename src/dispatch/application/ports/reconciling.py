"""What a reconciliation looks at: the ledger and the views in one snapshot, the work stream, providers' receipts."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import msgspec

from dispatch.domain.batch.events import Event as BatchEvent
from dispatch.domain.job.events import Event as JobEvent
from dispatch.domain.job.receipt_status import ReceiptStatus


class Span(msgspec.Struct, frozen=True):
    """A range of ids, both ends included."""

    first: str
    last: str


class ViewedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job as `ops.jobs` shows it."""

    status: str
    stage: str
    version: int


class SuspectJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job of which a quick look cannot say that all is well; `judge_job` says whether something is wrong."""

    job_id: str
    batch_id: str  # Empty where it has none.
    versions: tuple[int, ...]  # As they stand in the ledger; none for a job that only the view knows.
    events: tuple[JobEvent, ...]
    seen: int  # Of these events the view has come to so many.
    moved_at: datetime | None  # When the last of them was recorded.
    viewed: ViewedJob | None


class JobCount(msgspec.Struct, frozen=True, kw_only=True):
    """So many jobs of a page stand so in the ledger; the last of them moved then."""

    batch_id: str
    status: str
    jobs: int
    moved_at: datetime


class JobPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs in the order of their ids; the next page begins behind `last`, or there is none."""

    last: str
    is_last: bool
    jobs: int
    unseen: int  # Jobs with events that the view has not come to.
    counts: Sequence[JobCount]
    suspects: Sequence[SuspectJob]


class ViewedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as `intake.batches` shows it."""

    status: str
    jobs: int
    delivered: int
    blocked: int
    cancelled: int
    archived: int = 0
    escalated: int


class BatchHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A batch's events without its refusals, when the last one was recorded, and have the views come to it?"""

    events: Sequence[BatchEvent]
    moved_at: datetime
    is_seen: bool = True


class SentJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job whose message a provider has accepted, with the id that it gave."""

    job_id: str
    batch_id: str
    message_id: str
    is_delivered: bool
    sent_at: datetime
    provider: str = ""  # Who accepted it; empty where that was not recorded, as before there were several.


class ViewLag(msgspec.Struct, frozen=True, kw_only=True):
    """A view that has not come to the ledger's head, and the time of the first event that it lacks."""

    view: str
    position: int
    waiting_since: datetime


class Snapshot(Protocol):
    """The ledger and the views as they were at one moment; reading it holds nobody up.

    Every method raises LedgerUnavailable: nothing was changed, look again.
    """

    @property
    def now(self) -> datetime:
        """The time of the snapshot, on the database's clock."""
        ...

    @property
    def head(self) -> int:
        """The position of the last event."""
        ...

    def batches(self, *, batch_id: str | None = None, since: datetime | None = None) -> Sequence[str]:
        """Ids of the batches in the order of their coming: one, those with an event since then, or all."""
        ...

    def open_batches(self) -> Sequence[str]:
        """Ids of the batches that the view shows as not ended, the oldest first, at most 1,000."""
        ...

    def history(self, batch_id: str) -> BatchHistory | None: ...

    def viewed_batch(self, batch_id: str) -> ViewedBatch | None: ...

    def page(self, span: Span, after: str, quiet: Sequence[str]) -> JobPage:
        """The next jobs of the span behind this id. At `quiet` stages a job that does not move is a suspect."""
        ...

    def overdue(self, quiet: Sequence[str], limit: int) -> Sequence[SuspectJob]:
        """Open jobs at these stages that the view says are overdue by a minute, the longest first."""
        ...

    def jobs_by_row(self, span: Span, rows_through: Sequence[int]) -> Sequence[int]:
        """How many jobs of the span lie in each stretch of rows; the stretches end with these row numbers."""
        ...

    def work_after(self, position: int) -> datetime | None:
        """When the first of the events behind this position was recorded that brings work; None where none does."""
        ...

    def lags(self) -> Sequence[ViewLag]: ...

    def sent(self, span: Span, after: str, limit: int) -> Sequence[SentJob]:
        """Jobs of the span behind this id that were sent, in the order of their ids."""
        ...


class Comparison(Protocol):
    """Opens snapshots, one at a time."""

    def snapshot(self) -> AbstractContextManager[Snapshot]: ...

    def close(self) -> None:
        """Let go of what it holds between two snapshots."""
        ...


class QueueFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The messages of one queue: not fetched yet, and in hand."""

    waiting: int
    in_hand: int


class StreamFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What JetStream holds. `through` is the relay's cursor: the work up to this position is in the stream."""

    exists: bool
    through: int = 0
    queues: Mapping[str, QueueFacts] = {}


class StreamSilent(Exception):
    """The stream cannot be asked; jobs that wait in it cannot be told from forgotten ones."""


class WorkStream(Protocol):
    """Looks at JetStream."""

    def __call__(self) -> StreamFacts:
        """Raises StreamSilent."""
        ...


class ReceiptSource(Protocol):
    """Asks providers what became of messages, each for its own."""

    def __call__(self, provider: str, message_ids: Sequence[str]) -> Mapping[str, ReceiptStatus | str] | None:
        """For each id its status, or the code with which the provider refused; those that it was silent about lack.

        Without a name the first notifier is asked. None: no provider of this name is declared any more.
        """
        ...


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A reconciliation as it goes, or as it went. `report` is there at its end."""

    run_id: str
    scope: str
    by: str
    status: str  # running, done, failed; lost when whoever ran it is gone.
    started_at: datetime
    seen_at: datetime
    jobs: int
    report: dict[str, Any] | None = None
    problem: str = ""


class StandingError(msgspec.Struct, frozen=True, kw_only=True):
    """A difference that breaks a promise, and that a person has to look at."""

    code: str
    batch_id: str
    what: str
    found: str
    expected: str
    fix: str
    since: datetime


class Runs(Protocol):
    """The last reconciliations. Each method raises LedgerUnavailable."""

    def begin(self, run_id: str, scope: str, by: str) -> None: ...

    def claim(self, run_id: str, scope: str, by: str, every_s: float) -> bool:
        """As `begin`, unless one of this scope began within so many seconds: of several that ask one gets it."""
        ...

    def progress(self, run_id: str, jobs: int) -> None: ...

    def end(self, run_id: str, report: object) -> None: ...

    def failed(self, run_id: str, problem: str) -> None: ...

    def get(self, run_id: str) -> RunRow | None: ...

    def latest(self, limit: int = 20) -> Sequence[RunRow]:
        """The newest first, without their reports."""
        ...

    def standing(self, limit: int = 10) -> Sequence[StandingError]:
        """Errors of the newest light run and of the newest full one that were not mended, of the last day."""
        ...
