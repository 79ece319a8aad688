"""Is anything wrong with this batch? Pure: its events, its jobs as the ledger has them, and what the view shows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from dispatch.application.ports.intake_sheet import STUCK_AFTER
from dispatch.application.ports.reconciling import BatchHistory, ViewedBatch
from dispatch.application.reconcile.findings import Code, Finding, Place
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import (
    BatchAdmitted,
    BatchClosed,
    BatchJudged,
    BatchReceived,
    BatchReset,
    ChunkAdmitted,
    Event,
    RowsRepaired,
)
from dispatch.domain.batch.state import ADMITTED, Batch, BatchStatus
from dispatch.domain.job.state import JobStatus

CLOSES_WITHIN = timedelta(seconds=60)
"""Timers close a batch within a second; a view may be behind for a while."""
_TAKEN_IN = frozenset({BatchStatus.UPLOADED, BatchStatus.ADMITTING, BatchStatus.UNDOING})
_CLOSED = frozenset({BatchStatus.COMPLETE, BatchStatus.COMPLETE_WITH_EXCEPTIONS})
_ENDS = (JobStatus.DELIVERED, JobStatus.BLOCKED, JobStatus.CANCELLED, JobStatus.ARCHIVED)


class Stretch(msgspec.Struct, frozen=True):
    """Rows up to this one that were admitted together, and how many jobs were recorded of them."""

    row_through: int
    jobs: int


class BatchJobs(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of a batch as the ledger has them. `unseen` of them have events that the views have not come to."""

    now: Mapping[str, int]  # By status, of the rows as they were judged last.
    before: Mapping[str, int] = {}  # Of the times before a reset.
    unseen: int = 0
    moved_at: datetime | None = None  # When the last of them moved.


def starts(events: Sequence[Event]) -> list[datetime]:
    """The moments with which ids of the batch's jobs begin: when it was received, and each reset."""
    return [event.at for event in events if isinstance(event, BatchReceived | BatchReset)]


def stretches(events: Sequence[Event]) -> list[Stretch]:
    """What was admitted since the last reset, chunk by chunk, with the repaired rows of each stretch."""
    found: list[Stretch] = []
    for event in _current(events):
        match event:
            case BatchJudged():
                found = []
            case ChunkAdmitted(row_through=row_through, jobs=jobs):
                found.append(Stretch(row_through, jobs))
            case RowsRepaired(rows=rows):
                through = [0, *(stretch.row_through for stretch in found)]
                found = [
                    Stretch(
                        stretch.row_through, stretch.jobs + sum(through[at] < row <= through[at + 1] for row in rows)
                    )
                    for at, stretch in enumerate(found)
                ]
                beyond = sum(row > through[-1] for row in rows)
                if beyond:
                    found.append(Stretch(max(rows), beyond))
            case _:
                continue
    return found


def judge_batch(
    batch_id: str, history: BatchHistory, jobs: BatchJobs, viewed: ViewedBatch | None, now: datetime
) -> Iterator[Finding]:
    """What is wrong with it. Missing and extra jobs by their number; `stretches` says where."""
    batch, place = decider.fold(history.events), Place(batch_id)
    yield from judge_moving(batch_id, history, now)
    recorded = sum(stretch.jobs for stretch in stretches(history.events))
    there = sum(jobs.now.values())
    if there < recorded:
        what = "the batch has fewer jobs than were admitted"
        yield place.finding(Code.JOBS_MISSING, what, f"{there:,} jobs", f"{recorded:,} jobs")
    elif there > recorded:
        what = "the batch has more jobs than were admitted"
        yield place.finding(Code.JOBS_EXTRA, what, f"{there:,} jobs", f"{recorded:,} jobs")
    yield from _closing(history, batch, jobs, place, now)
    if history.is_seen and not jobs.unseen:
        yield from _view(batch, jobs, viewed, place)


def judge_moving(batch_id: str, history: BatchHistory, now: datetime) -> Iterator[Finding]:
    """What can be said without a look at its jobs: do its rows add up, and is it taken in?"""
    batch, place = decider.fold(history.events), Place(batch_id)
    yield from _rows(history.events, place)
    if _waits_for_intake(batch) and now - history.moved_at > STUCK_AFTER:
        what = f"the batch is {batch.status.value if batch.status else ''} and does not move"
        found = f"nothing for {(now - history.moved_at).total_seconds():.0f} s"
        expected = f"a step within {STUCK_AFTER.total_seconds():.0f} s"
        yield place.finding(Code.BATCH_STALE, what, found, expected, since=history.moved_at)


def _rows(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Every row was accepted, refused or a duplicate, and every accepted one became a job or a duplicate."""
    judged: BatchJudged | None = None
    admitted = 0
    for event in _current(events):
        match event:
            case BatchJudged():
                judged, admitted = event, 0
                parts = event.accepted + event.rejected + event.duplicates
                if event.rows != parts:
                    what = "the rows of the file are not all accounted for"
                    expected = (
                        f"{event.accepted:,} accepted + {event.rejected:,} refused + {event.duplicates:,} duplicate"
                    )
                    yield place.finding(Code.ROWS_DO_NOT_ADD_UP, what, f"{event.rows:,} rows", expected)
            case ChunkAdmitted(jobs=jobs, duplicates=duplicates):
                admitted += jobs + duplicates
            case BatchAdmitted():
                if judged is not None and admitted != judged.accepted:
                    what = "not every accepted row became a job or a duplicate"
                    found, expected = f"{admitted:,} rows", f"{judged.accepted:,} accepted rows"
                    yield place.finding(Code.ROWS_DO_NOT_ADD_UP, what, found, expected)
            case _:
                continue


def _closing(history: BatchHistory, batch: Batch, jobs: BatchJobs, place: Place, now: datetime) -> Iterator[Finding]:
    """Closed means that its jobs have ended, and as what they ended (acceptance X23)."""
    ended = {status: jobs.now.get(status, 0) + jobs.before.get(status, 0) for status in _ENDS}
    still = sum(jobs.now.values()) + sum(jobs.before.values()) - sum(ended.values())
    if batch.status in _CLOSED:
        closed = next(event for event in reversed(history.events) if isinstance(event, BatchClosed))
        said = _ends(closed.outcome, closed.delivered, closed.blocked, closed.cancelled, closed.archived)
        kept = sum(jobs.before.values()) - jobs.before.get(JobStatus.CANCELLED, 0)
        delivered, blocked = ended[JobStatus.DELIVERED], ended[JobStatus.BLOCKED]
        cancelled = jobs.now.get(JobStatus.CANCELLED, 0)
        whole = delivered == sum(jobs.now.values()) + kept and batch.rejected == 0
        outcome = BatchStatus.COMPLETE if whole else BatchStatus.COMPLETE_WITH_EXCEPTIONS
        wanted = _ends(outcome.value, delivered, blocked, cancelled, ended[JobStatus.ARCHIVED])
        if still:
            what = "the batch is closed, and some of its jobs are open"
            yield place.finding(Code.BATCH_CLOSED_EARLY, what, f"{still:,} open jobs", "no open job")
        elif said != wanted:
            yield place.finding(Code.BATCH_CLOSED_EARLY, "the batch was not closed as its jobs ended", said, wanted)
    elif batch.status is BatchStatus.PROCESSING and not still and batch.corrections_judged == len(batch.corrections):
        since = max(history.moved_at, jobs.moved_at or history.moved_at)
        if now - since > CLOSES_WITHIN:
            what = "every job of the batch has ended, and it is not closed"
            yield place.finding(Code.BATCH_NOT_CLOSED, what, "processing", "closed", since=since)


def _view(batch: Batch, jobs: BatchJobs, viewed: ViewedBatch | None, place: Place) -> Iterator[Finding]:
    status = batch.status.value if batch.status else ""
    if viewed is None:
        yield place.finding(Code.BATCH_VIEW_DIFFERS, "the view lacks the batch", "no row", status)
        return
    kept = {name: count for name, count in jobs.before.items() if name != JobStatus.CANCELLED}
    counts = [jobs.now.get(name, 0) + kept.get(name, 0) for name in (*_ENDS, JobStatus.ESCALATED)]
    if batch.resets and batch.status not in ADMITTED:
        return  # Between the reset and the new admission the view shows what is left of before.
    there = sum(jobs.now.values()) + sum(kept.values())
    expected = _said(status, there, counts)
    shown = [viewed.delivered, viewed.blocked, viewed.cancelled, viewed.archived, viewed.escalated]
    found = _said(viewed.status, viewed.jobs, shown)
    if found != expected:
        what = "the view shows the batch otherwise than the ledger"
        yield place.finding(Code.BATCH_VIEW_DIFFERS, what, found, expected)


def _said(status: str, jobs: int, counts: Sequence[int]) -> str:
    *ends, escalated = counts
    return f"{_ends(status, *ends)}, {escalated:,} escalated, of {jobs:,} jobs"


def _ends(status: str, delivered: int, blocked: int, cancelled: int, archived: int) -> str:
    ended = f"{delivered:,} delivered, {blocked:,} blocked, {cancelled:,} cancelled, {archived:,} archived"
    return f"{status}: {ended}"


def _waits_for_intake(batch: Batch) -> bool:
    return batch.status in _TAKEN_IN or (batch.status in ADMITTED and batch.corrections_judged < len(batch.corrections))


def _current(events: Sequence[Event]) -> Sequence[Event]:
    """Since the last reset."""
    resets = [at for at, event in enumerate(events) if isinstance(event, BatchReset)]
    return events[resets[-1] :] if resets else events
