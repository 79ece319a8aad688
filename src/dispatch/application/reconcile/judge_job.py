"""Is anything wrong with this job? Pure: its events, what the view shows of it, and the time."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from dispatch.application.ports.reconciling import SuspectJob
from dispatch.application.reconcile.findings import Code, Finding, Place
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import (
    Event,
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobOpened,
    ReceiptRecorded,
    RecipientRefused,
    StageCompleted,
    StageStarted,
)
from dispatch.domain.job.state import AT_A_STAGE, Job, JobStatus

OVERDUE_AFTER = timedelta(seconds=60)
"""A job that should have moved so long ago is forgotten (promise R4)."""
STALE_AFTER = timedelta(seconds=60)
"""A running job is to move within this time, where nothing waits or runs at its stage."""
DOUBT_AFTER = timedelta(minutes=2)
"""A recorded start whose answer is not recorded after so long is in doubt."""
SENDS, CLEARS = "dispatch", "clear"
ENDS = (JobDelivered, JobBlocked, JobCancelled, JobArchived)


def judge_job(job: SuspectJob, now: datetime, quiet: Sequence[str]) -> Iterator[Finding]:
    """What is wrong with it. At `quiet` stages nothing waits or runs: a job there must move or be due later."""
    if not job.events:
        status = job.viewed.status if job.viewed else ""
        what = "the view shows a job that the ledger does not know"
        yield Place(job.batch_id, job.job_id).finding(Code.JOB_VIEW_DIFFERS, what, status, "no such job")
        return
    opened = job.events[0]
    place = Place(job.batch_id, job.job_id, opened.row if isinstance(opened, JobOpened) else 0)
    if job.versions != tuple(range(1, len(job.versions) + 1)):
        found = ", ".join(map(str, job.versions[:20]))
        what = "the job's events are not numbered from 1 without a gap"
        yield place.finding(Code.EVENTS_MISSING, what, found, f"1 to {len(job.versions)}")
    elif not isinstance(opened, JobOpened):
        yield place.finding(Code.EVENTS_MISSING, "the job was never opened", type(opened).__name__, "JobOpened")
    else:
        yield from _view(job, place)
        folded = decider.fold(job.events)
        yield from _history(job.events, folded, place)
        yield from _moving(job, folded, now, quiet, place)


def _view(job: SuspectJob, place: Place) -> Iterator[Finding]:
    if not job.seen:
        return  # The view has not come to its opening.
    then, viewed = decider.fold(job.events[: job.seen]), job.viewed
    status = then.status.value if then.status else ""
    expected = f"{status} at {then.stage}, version {job.seen}"
    if viewed is None:
        yield place.finding(Code.JOB_VIEW_DIFFERS, "the view lacks the job", "no row", expected)
    elif (viewed.status, viewed.stage, viewed.version) != (status, then.stage, job.seen):
        found = f"{viewed.status} at {viewed.stage}, version {viewed.version}"
        what = "the view shows the job otherwise than the ledger"
        yield place.finding(Code.JOB_VIEW_DIFFERS, what, found, expected)


def _history(events: Sequence[Event], job: Job, place: Place) -> Iterator[Finding]:
    """What must never be in a history."""
    sends = [at for at, event in enumerate(events) if isinstance(event, StageCompleted) and event.stage == SENDS]
    starts = [at for at, event in enumerate(events) if isinstance(event, StageStarted) and event.stage == SENDS]
    clears = [at for at, event in enumerate(events) if isinstance(event, StageCompleted) and event.stage == CLEARS]
    ends = [at for at, event in enumerate(events) if isinstance(event, ENDS)]
    if SENDS in job.route and job.status is JobStatus.DELIVERED and not sends:
        yield place.finding(Code.DELIVERED_WITHOUT_SEND, "delivered, but nothing was sent", "no send", "one send")
    messages_max = 1 + sum(isinstance(event, RecipientRefused) for event in events)  # One to each recipient.
    if len(sends) > messages_max:
        yield place.finding(Code.SENT_TWICE, "the message was sent more than once", f"{len(sends)} sends", "one send")
    if sends and not (starts and starts[0] < sends[0]):
        what = "sent without a start that was recorded before"
        yield place.finding(Code.SENT_WITHOUT_START, what, "no start", "StageStarted of dispatch")
    acts = sorted(starts + sends)
    if acts and CLEARS in job.route and not (clears and clears[0] < acts[0]):
        what = "sent before the consent gate had cleared it"
        yield place.finding(Code.SENT_WITHOUT_CLEARANCE, what, "no clearance before it", "StageCompleted of clear")
    after_end = [event for event in events[ends[0] + 1 :] if not isinstance(event, ReceiptRecorded)] if ends else []
    if after_end:
        after = type(after_end[0]).__name__
        yield place.finding(Code.MOVED_AFTER_END, "the job moved after it had ended", after, "nothing")


def _moving(job: SuspectJob, folded: Job, now: datetime, quiet: Sequence[str], place: Place) -> Iterator[Finding]:
    """Does an open job go on, or is it known why not?"""
    if folded.status not in AT_A_STAGE or job.moved_at is None:
        return
    stage, still = folded.stage, now - job.moved_at
    if folded.started_attempt and still > DOUBT_AFTER:
        what = f"attempt {folded.started_attempt} at {stage} has begun, and its end is not recorded"
        found = f"no answer for {still.total_seconds():.0f} s"
        yield place.finding(Code.ATTEMPT_IN_DOUBT, what, found, "an outcome", stage=stage, since=job.moved_at)
    due_at = folded.due_at or job.moved_at + STALE_AFTER
    if stage in quiet and now - due_at > OVERDUE_AFTER:
        what = f"the job is {folded.status.value} at {stage}, and nothing waits or runs there"
        found = f"due {(now - due_at).total_seconds():.0f} s ago"
        yield place.finding(Code.JOB_FORGOTTEN, what, found, "driven on within 60 s", stage=stage, since=due_at)
