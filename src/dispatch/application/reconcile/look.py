"""Look at everything in the scope, one batch after the other, and yield each difference. Nothing is changed."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from dispatch.application.ports.reconciling import (
    Comparison,
    JobCount,
    Snapshot,
    Span,
    StreamFacts,
    StreamSilent,
    WorkStream,
)
from dispatch.application.reconcile.findings import Code, Finding, Place
from dispatch.application.reconcile.judge_batch import (
    BatchJobs,
    Stretch,
    judge_batch,
    judge_moving,
    starts,
    stretches,
)
from dispatch.application.reconcile.judge_job import judge_job
from dispatch.application.reconcile.scope import Scope
from dispatch.domain.identity import ROWS_MAX, job_ids

BEHIND_AFTER = timedelta(seconds=60)
"""So long the relay and the projector may be behind the ledger."""
OVERDUE_MAX = 1_000
STREAM_KNOWN_S = 30.0
"""A job is forgotten two minutes after it moved at the earliest: so fresh the knowledge of its queue must be."""
NO_ID, LAST_ID = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"


@dataclass
class Progress:
    """How far a look is: batches and jobs so far."""

    batches: int = 0
    batches_total: int = 0
    jobs: int = 0


@dataclass(frozen=True)
class Look:
    """The comparison. Each batch is looked at in a snapshot of its own, so that no snapshot grows old."""

    comparison: Comparison
    stream: WorkStream
    stages: Sequence[str]

    def __call__(self, scope: Scope, progress: Progress, on_progress: Callable[[Progress], None]) -> Iterator[Finding]:
        """Each difference, in a stable order. Raises LedgerUnavailable: look again."""
        facts: StreamFacts | None = None
        try:
            facts = self.stream()
        except StreamSilent as silent:
            what = "the work stream cannot be asked, so that queued jobs look like forgotten ones"
            yield Place().finding(Code.STREAM_SILENT, what, str(silent), "an answer")
        quiet, asked_at = self._quiet(facts), monotonic()
        with self.comparison.snapshot() as snapshot:
            if facts is not None:
                yield from _stream(facts, snapshot)
            yield from _lags(snapshot)
            if scope.light:
                progress.batches = progress.batches_total = yield from _open(snapshot, quiet)
                return
            batches = snapshot.batches(batch_id=scope.batch_id or None, since=scope.since)
        progress.batches_total = len(batches)
        on_progress(progress)
        spans: list[Span] = []
        for batch_id in batches:
            if facts is not None and monotonic() - asked_at > STREAM_KNOWN_S:
                with suppress(StreamSilent):  # What was known before is good enough, but for jobs that have just moved.
                    quiet, asked_at = self._quiet(self.stream()), monotonic()
            with self.comparison.snapshot() as snapshot:
                spans += yield from self._batch(snapshot, batch_id, quiet, progress, on_progress)
            progress.batches += 1
            on_progress(progress)
        if scope == Scope():  # Everything: also jobs that no batch has.
            with self.comparison.snapshot() as snapshot:
                for span in gaps(spans):
                    yield from self._others(snapshot, span, quiet, progress, on_progress)

    def _quiet(self, facts: StreamFacts | None) -> list[str]:
        """The stages at which nothing waits and nothing runs; all of them where nobody can say."""
        queues = facts.queues if facts else {}
        return [
            name for name in self.stages if name not in queues or not (queues[name].waiting or queues[name].in_hand)
        ]

    def _batch(
        self,
        snapshot: Snapshot,
        batch_id: str,
        quiet: Sequence[str],
        progress: Progress,
        on_progress: Callable[[Progress], None],
    ) -> Generator[Finding, None, list[Span]]:
        history = snapshot.history(batch_id)
        if history is None:
            return []
        spans = [span_of(batch_id, at) for at in starts(history.events)]
        counted: list[tuple[Counter[str], datetime | None, int]] = []
        for span in spans:
            counts: Counter[str] = Counter()
            moved_at, unseen = None, 0
            after, is_last = _before(span.first), False
            while not is_last:
                page = snapshot.page(span, after, quiet)
                after, is_last = page.last, page.is_last
                unseen += page.unseen
                moved_at = _latest(moved_at, page.counts)
                for count in page.counts:
                    counts[count.status] += count.jobs
                for suspect in page.suspects:
                    yield from judge_job(suspect, snapshot.now, quiet)
                progress.jobs += page.jobs
                on_progress(progress)
            counted.append((counts, moved_at, unseen))
        before: Counter[str] = Counter()
        for counts, _, _ in counted[:-1]:
            before += counts
        jobs = BatchJobs(
            now=counted[-1][0],
            before=before,
            unseen=sum(unseen for *_, unseen in counted),
            moved_at=max((at for _, at, _ in counted if at is not None), default=None),
        )
        for finding in judge_batch(batch_id, history, jobs, snapshot.viewed_batch(batch_id), snapshot.now):
            if finding.code in (Code.JOBS_MISSING, Code.JOBS_EXTRA):
                yield from _by_row(finding, snapshot, spans[-1], stretches(history.events))
            else:
                yield finding
        return spans

    def _others(
        self,
        snapshot: Snapshot,
        span: Span,
        quiet: Sequence[str],
        progress: Progress,
        on_progress: Callable[[Progress], None],
    ) -> Iterator[Finding]:
        after, is_last = span.first, False
        while not is_last:
            page = snapshot.page(span, after, quiet)
            after, is_last = page.last, page.is_last
            for count in page.counts:
                if count.batch_id not in ("", NO_ID):  # A notification has no batch.
                    what = f"{count.jobs:,} jobs have ids that no row of their batch has"
                    place = Place(count.batch_id)
                    yield place.finding(Code.JOBS_EXTRA, what, f"{count.jobs:,} {count.status}", "no such job")
            for suspect in page.suspects:
                yield from judge_job(suspect, snapshot.now, quiet)
            progress.jobs += page.jobs
            on_progress(progress)


def span_of(batch_id: str, at: datetime) -> Span:
    """The ids that rows of this batch can have."""
    job_id = job_ids(batch_id, at)
    return Span(job_id(0), job_id(ROWS_MAX))


def gaps(spans: Sequence[Span]) -> list[Span]:
    """The ids between these, from the first id that there can be to the last."""
    found, after = [], NO_ID
    for span in sorted(spans, key=lambda each: each.first):
        found.append(Span(after, _before(span.first)))
        after = span.last
    return [*found, Span(after, LAST_ID)]


def _before(job_id: str) -> str:
    """The id before this one: pages begin behind an id."""
    number = int(job_id.replace("-", ""), 16) - 1
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _latest(so_far: datetime | None, counts: Sequence[JobCount]) -> datetime | None:
    return max([count.moved_at for count in counts] + ([so_far] if so_far else []), default=None)


def _open(snapshot: Snapshot, quiet: Sequence[str]) -> Generator[Finding, None, int]:
    """What does not move, by the views: batches before the intake, and overdue jobs. Answers how many batches."""
    batches = snapshot.open_batches()
    for batch_id in batches:
        history = snapshot.history(batch_id)
        if history is not None:
            yield from judge_moving(batch_id, history, snapshot.now)
    for suspect in snapshot.overdue(quiet, OVERDUE_MAX):
        yield from judge_job(suspect, snapshot.now, quiet)
    return len(batches)


def _stream(facts: StreamFacts, snapshot: Snapshot) -> Iterator[Finding]:
    """The stream is a hint, but a cursor that is ahead would leave work out."""
    if facts.through > snapshot.head:
        what = "the work stream is ahead of the ledger: the relay would leave out what is recorded next"
        yield Place().finding(Code.STREAM_AHEAD, what, facts.through, f"at most {snapshot.head}")
        return
    since = snapshot.work_after(facts.through)  # What brings no work leaves the cursor where it is.
    if since is not None and snapshot.now - since > BEHIND_AFTER:
        what = "events wait to be published" if facts.exists else "the work stream is not there"
        found = f"published up to {facts.through}"
        yield Place().finding(Code.STREAM_BEHIND, what, found, f"up to {snapshot.head}", since=since)


def _lags(snapshot: Snapshot) -> Iterator[Finding]:
    for lag in snapshot.lags():
        if snapshot.now - lag.waiting_since > BEHIND_AFTER:
            what = f"the view {lag.view} is behind the ledger"
            found = f"at {lag.position}"
            yield Place().finding(Code.VIEW_BEHIND, what, found, f"at {snapshot.head}", since=lag.waiting_since)


def _by_row(finding: Finding, snapshot: Snapshot, span: Span, parts: Sequence[Stretch]) -> Iterator[Finding]:
    """Which rows is it about? One finding for each stretch of rows whose number of jobs is not the recorded one."""
    there = snapshot.jobs_by_row(span, [part.row_through for part in parts])
    first = 1
    for part, found in zip((*parts, Stretch(ROWS_MAX, 0)), there, strict=True):
        if found != part.jobs:
            code = Code.JOBS_MISSING if found < part.jobs else Code.JOBS_EXTRA
            rows = (
                f"rows {first:,} to {part.row_through:,}"
                if part.row_through < ROWS_MAX
                else f"behind row {first - 1:,}"
            )
            what = f"{'fewer' if found < part.jobs else 'more'} jobs than were admitted: {rows}"
            place = Place(finding.batch_id, row=first)
            yield place.finding(code, what, f"{found:,} jobs", f"{part.jobs:,} jobs")
        first = part.row_through + 1
