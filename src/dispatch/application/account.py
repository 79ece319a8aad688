"""The account of a batch, counted from the ledger: what became of every row, and where the time went."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from dispatch.application.ports.ledger import EventLedger, Recorded
from dispatch.domain.batch.events import (
    BatchAdmitted,
    BatchClosed,
    BatchJudged,
    BatchReceived,
    BatchRejected,
    BatchReset,
    BatchUndone,
    ChunkAdmitted,
    CorrectionJudged,
    CorrectionReceived,
    RowsRepaired,
)
from dispatch.domain.job.events import (
    DoubtSettled,
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobOpened,
    JobRerouted,
    JobResumed,
    RecipientRefused,
    RetryScheduled,
    StageCompleted,
    StageFailed,
)

EVENTS_PER_READ = 5_000


class StageTime(msgspec.Struct, frozen=True, kw_only=True):
    """How long jobs were at a stage, waiting for their turn included."""

    stage: str
    jobs: int  # That came to it; one that came back counts again.
    job_seconds: float  # Summed over the jobs that have left it.
    first_at: datetime
    last_at: datetime


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """rows = delivered + escalated + blocked + cancelled + open + rejected + duplicates + not admitted.

    Each number is counted from events of its own kind and none is the rest of another, so `adds_up` can fail.
    A batch that was reset is counted from there on. Jobs of before that could not be cancelled are `kept`: their rows
    are among the duplicates now.
    """

    batch_id: str
    rows: int
    rejected: int
    errors_by_code: dict[str, int]
    duplicates: int  # Within the file, and of rows that an earlier batch had brought.
    not_admitted: int  # Good rows that are no jobs: not yet, or never where the whole file was rejected.
    delivered: int
    escalated: int
    blocked: int
    cancelled: int
    open: int
    failed_attempts: int
    retries: int
    rejection_code: str
    parse_duration_ms: int
    db_duration_ms: int
    received_at: datetime | None
    judged_at: datetime | None
    admitted_at: datetime | None
    first_opened_at: datetime | None
    last_settled_at: datetime | None
    closed_at: datetime | None
    stages: tuple[StageTime, ...]
    repaired: int = 0  # Rows that corrections have mended after the batch was admitted: jobs or duplicates now.
    kept: int = 0
    archived: int = 0  # Dead letters that a person put aside.

    @property
    def settled(self) -> int:
        """Jobs that ended or are before a person."""
        return self.delivered + self.escalated + self.blocked + self.cancelled + self.archived

    @property
    def accounted_for(self) -> int:
        """Rows of which the ledger says what became of them."""
        return self.settled + self.open + self.rejected + self.duplicates + self.not_admitted

    @property
    def adds_up(self) -> bool:
        """Is every row accounted for, once?"""
        return self.rows == self.accounted_for


def account(ledger: EventLedger, batch_id: str, *, after: int = 0) -> Account:
    """Count a batch from the ledger's events behind position `after`. Raises LedgerUnavailable."""
    return fold_account(batch_id, _read(ledger, after))


def fold_account(batch_id: str, recorded: Iterable[Recorded]) -> Account:
    """The account of a batch from a pass over recorded events, of which those of other batches are left out."""
    tally = _Tally()
    for record in recorded:
        if record.correlation_id == batch_id:
            tally.add(record)
    return tally.account(batch_id)


def _read(ledger: EventLedger, after: int) -> Iterator[Recorded]:
    while recorded := ledger.read(after, EVENTS_PER_READ):
        yield from recorded
        after = recorded[-1].position


class _Passage:
    """Jobs through one stage."""

    def __init__(self, at: datetime) -> None:
        self.jobs, self.job_seconds = 0, 0.0
        self.first_at = self.last_at = at


class _Tally:
    """What has been counted so far; it remembers only the jobs that have not ended."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._errors: dict[str, int] = {}
        self._times: dict[str, datetime] = {}
        self._rejection_code = ""
        self._stages: dict[str, _Passage] = {}
        self._at_stage: dict[str, tuple[str, datetime]] = {}  # Open jobs: where, and since when.
        self._escalated: set[str] = set()
        self._left: set[str] = set()  # Jobs of before a reset that have not ended: no row is theirs any more.

    def add(self, record: Recorded) -> None:
        event, at, counts = record.event, record.recorded_at, self._counts
        match event:
            case BatchReceived():
                self._times["received_at"] = at
            case BatchJudged():
                self._times["judged_at"] = at
                self._errors = dict(event.errors_by_code)
                counts["rows"], counts["rejected"], counts["duplicates"] = event.rows, event.rejected, event.duplicates
                counts["not_admitted"], counts["parse_duration_ms"] = event.accepted, event.parse_duration_ms
            case BatchRejected(code=code):
                self._rejection_code, self._times["closed_at"] = code, at
            case ChunkAdmitted(jobs=jobs, duplicates=duplicates):
                counts["not_admitted"] -= jobs + duplicates
                counts["duplicates"] += duplicates
            case BatchAdmitted(db_duration_ms=db_duration_ms):
                self._times["admitted_at"] = at
                counts["db_duration_ms"] = db_duration_ms
            case BatchClosed():
                self._times["closed_at"] = at
            case CorrectionReceived() | RowsRepaired() | CorrectionJudged() | BatchUndone() | BatchReset():
                self._add_of_repair(event, at)
            case _:
                if record.stream not in self._left:
                    self._add_of_job(record.stream, record)

    def _add_of_repair(
        self, event: CorrectionReceived | RowsRepaired | CorrectionJudged | BatchUndone | BatchReset, at: datetime
    ) -> None:
        counts = self._counts
        match event:
            case CorrectionReceived(rejudges=rejudges):
                if rejudges:
                    self._open_again()
            case RowsRepaired(rows=rows, duplicates=duplicates):
                counts.update(rejected=-len(rows) - len(duplicates), duplicates=len(duplicates))
                counts.update(repaired=len(rows) + len(duplicates))
                self._open_again()
            case CorrectionJudged(errors_by_code=errors_by_code):
                self._errors = dict(errors_by_code)
            case BatchUndone(kept=kept):
                counts["kept"], self._times["closed_at"] = kept, at
            case BatchReset():
                self._left.update(self._at_stage, self._escalated)
                self._at_stage.clear()
                self._escalated.clear()
                self._stages.clear()
                self._times = {"received_at": self._times.get("received_at", at)}
                kept, self._errors = counts["kept"], {}
                counts.clear()
                counts["kept"] = kept
                self._rejection_code = ""

    def _open_again(self) -> None:
        self._rejection_code = ""
        self._times.pop("closed_at", None)

    def _add_of_job(self, job_id: str, record: Recorded) -> None:
        event, at = record.event, record.recorded_at
        match event:
            case JobOpened(route=route):
                self._times.setdefault("first_opened_at", at)
                self._enter(job_id, route[0], at)
            case StageCompleted(stage=stage, next_stage=next_stage) if stage == next_stage:
                pass  # A part of its work: the job is still there.
            case StageCompleted(next_stage=next_stage):
                self._leave(job_id, at)
                self._enter(job_id, next_stage, at)
            case RecipientRefused(next_stage=next_stage):
                self._leave(job_id, at)
                self._enter(job_id, next_stage, at)
            case StageFailed():
                self._counts["failed_attempts"] += 1
            case RetryScheduled():
                self._counts["retries"] += 1
            case JobEscalated():
                self._leave(job_id, at)
                self._escalated.add(job_id)
                self._times["last_settled_at"] = at
            case JobResumed(stage=stage) | DoubtSettled(stage=stage) | JobRerouted(stage=stage):
                self._escalated.discard(job_id)
                self._enter(job_id, stage, at)
            case JobDelivered():
                self._end(job_id, "delivered", at)
            case JobBlocked():
                self._end(job_id, "blocked", at)
            case JobCancelled():
                self._end(job_id, "cancelled", at)
            case JobArchived():
                self._end(job_id, "archived", at)
            case _:
                pass  # It neither moves nor ends a job.

    def _enter(self, job_id: str, stage: str, at: datetime) -> None:
        """At a stage; or, after the last one, at none, until the event that ends the job."""
        self._at_stage[job_id] = (stage, at)
        if stage:
            self._stages.setdefault(stage, _Passage(at)).jobs += 1

    def _leave(self, job_id: str, at: datetime) -> None:
        stage, since = self._at_stage.pop(job_id, ("", at))
        if stage:
            passage = self._stages[stage]
            passage.job_seconds += (at - since).total_seconds()
            passage.last_at = at

    def _end(self, job_id: str, how: str, at: datetime) -> None:
        self._leave(job_id, at)
        self._escalated.discard(job_id)
        self._counts[how] += 1
        self._times["last_settled_at"] = at

    def account(self, batch_id: str) -> Account:
        counts, times = self._counts, self._times
        return Account(
            batch_id=batch_id,
            rows=counts["rows"],
            rejected=counts["rejected"],
            errors_by_code=self._errors,
            duplicates=counts["duplicates"],
            not_admitted=counts["not_admitted"],
            delivered=counts["delivered"],
            escalated=len(self._escalated),
            blocked=counts["blocked"],
            cancelled=counts["cancelled"],
            archived=counts["archived"],
            open=len(self._at_stage),
            failed_attempts=counts["failed_attempts"],
            retries=counts["retries"],
            rejection_code=self._rejection_code,
            parse_duration_ms=counts["parse_duration_ms"],
            db_duration_ms=counts["db_duration_ms"],
            received_at=times.get("received_at"),
            judged_at=times.get("judged_at"),
            admitted_at=times.get("admitted_at"),
            first_opened_at=times.get("first_opened_at"),
            last_settled_at=times.get("last_settled_at"),
            closed_at=times.get("closed_at"),
            stages=tuple(
                StageTime(
                    stage=stage,
                    jobs=passage.jobs,
                    job_seconds=passage.job_seconds,
                    first_at=passage.first_at,
                    last_at=passage.last_at,
                )
                for stage, passage in self._stages.items()
            ),
            repaired=counts["repaired"],
            kept=counts["kept"],
        )
