"""What deciding about a job needs to know."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from dispatch.domain.consent import Permission
from dispatch.domain.job.events import (
    DoubtSettled,
    EscalationAssigned,
    EscalationRaised,
    EscalationSnoozed,
    Event,
    FailedOver,
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobOpened,
    JobRerouted,
    JobResumed,
    Output,
    ReceiptRecorded,
    RecipientRefused,
    RetryScheduled,
    StageCompleted,
    StageDeferred,
    StageFailed,
    StageStarted,
)
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.person import Person


class JobStatus(StrEnum):
    """Where a job stands. The only list of these names: SQL, documents and screens are tested against it."""

    RUNNING = "running"
    WAITING = "waiting"  # For the time it was scheduled for, or for a retry that is due later.
    ESCALATED = "escalated"
    BLOCKED = "blocked"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    ARCHIVED = "archived"  # A dead letter that a person put aside.


AT_A_STAGE = frozenset({JobStatus.RUNNING, JobStatus.WAITING})
"""An attempt is to be made, now or when it is due."""
RUNNING, WAITING = JobStatus.RUNNING, JobStatus.WAITING  # Looked up once: an enumeration is slow at it.
ENDED = frozenset({JobStatus.BLOCKED, JobStatus.DELIVERED, JobStatus.CANCELLED, JobStatus.ARCHIVED})


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A recipient whose address was refused for good, and what is known of the message to them, where one was taken."""

    recipient: str
    error_code: str
    sent: Output = {}


class Job(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A job as its events made it; `status` is None before it was opened."""

    status: JobStatus | None = None
    stage: str = ""
    attempts: int = 0  # Made at the current stage; they failed, or did a part of its work.
    forgiven: int = 0  # How many of them the retry policy does not count: before a person, or before progress.
    started_attempt: int = 0
    provider: str = ""  # Who was asked last at this stage, where the provider acts.
    passed_over: tuple[str, ...] = ()  # Providers that could not be used in this attempt.
    in_doubt: bool = False  # An earlier attempt may have had its effect all the same.
    escalated_for: str = ""
    level: int = 0  # Of the people who are asked; 0 while it is before nobody.
    assignee: str = ""
    snoozed_until: datetime | None = None
    attempted: int = 0  # The highest number of an attempt at any stage.
    route: tuple[str, ...] = ()
    batch_id: str = ""
    row: int = 0
    reference: str = ""
    service: str = ""
    price_pence: int = 0
    opened_at: datetime | None = None
    due_at: datetime | None = None
    person: Person = Person()
    permission: Permission = Permission()
    details: dict[str, str] = {}
    outputs: dict[str, Output] = {}
    sent: bool = False
    sent_at: datetime | None = None
    refused: tuple[Refused, ...] = ()  # Those before the recipient of now.
    attempts_before: int = 0  # Above which attempts are numbered at each stage, since the recipient is another one.
    receipts: dict[str, tuple[ReceiptStatus, ...]] = {}  # What was said of each message, by its provider's id.
    channel: str = ""
    priority: JobPriority = JobPriority.NORMAL

    @property
    def attempt(self) -> int:
        """The number of the attempt that is to be made now at the current stage; it never repeats within a stage."""
        return self.attempts + 1

    @property
    def message_number(self) -> int:
        """Which of the job's messages is the one of now: one to each recipient."""
        return len(self.refused) + 1

    @property
    def may_have_acted(self) -> bool:
        """Was a provider asked whose answer is not known?"""
        return self.in_doubt or (self.started_attempt > 0 and self.started_attempt == self.attempt)

    @property
    def ended(self) -> bool:
        """Has the job reached a state that it cannot leave?"""
        return self.status in ENDED


def evolve(job: Job, event: Event) -> Job:
    """The job after this event."""
    match event:  # The most frequent one first: each case that does not match takes its time.
        case StageCompleted():
            return _completed(job, (event,))
        case JobOpened():
            is_waiting = event.is_waiting
            return Job(
                status=WAITING if is_waiting else RUNNING,
                stage=event.route[0],
                route=event.route,
                batch_id=event.batch_id,
                row=event.row,
                reference=event.reference,
                service=event.service,
                price_pence=event.price_pence,
                opened_at=event.at,
                person=event.person,
                permission=event.permission,
                details=event.details,
                due_at=event.scheduled_at if is_waiting else None,
                channel=event.channel,
                priority=event.priority,
            )
        case StageStarted():
            return replace(
                job,
                status=JobStatus.RUNNING,
                started_attempt=event.attempt,
                attempted=max(job.attempted, event.attempt),
                provider=event.provider,
                due_at=None,
            )
        case FailedOver():
            passed_over = (*job.passed_over, event.provider)
            return replace(job, status=JobStatus.RUNNING, started_attempt=0, passed_over=passed_over, due_at=None)
        case StageFailed():
            return replace(
                job,
                attempts=event.attempt,
                started_attempt=0,
                attempted=max(job.attempted, event.attempt),
                passed_over=(),
                in_doubt=event.in_doubt,
                due_at=None,
            )
        case StageDeferred():
            return replace(
                job,
                status=JobStatus.WAITING,
                started_attempt=0,
                passed_over=(),
                in_doubt=job.may_have_acted,
                due_at=event.due_at,
            )
        case RetryScheduled():
            return replace(job, status=JobStatus.WAITING, due_at=event.due_at)
        case JobEscalated():
            return replace(
                job,
                status=JobStatus.ESCALATED,
                escalated_for=event.reason,
                level=1,
                assignee="",
                snoozed_until=None,
            )
        case EscalationAssigned():
            return replace(job, assignee=event.to)
        case EscalationSnoozed():
            return replace(job, snoozed_until=event.until)
        case EscalationRaised():
            return replace(job, level=event.level)
        case JobResumed():
            return replace(job, status=JobStatus.RUNNING, forgiven=job.attempts, level=0)
        case DoubtSettled():
            return replace(job, status=JobStatus.RUNNING, forgiven=job.attempts, level=0, in_doubt=False)
        case JobBlocked():
            return replace(job, status=JobStatus.BLOCKED)
        case JobDelivered():
            return replace(job, status=JobStatus.DELIVERED)
        case JobCancelled():
            return replace(job, status=JobStatus.CANCELLED)
        case JobArchived():
            return replace(job, status=JobStatus.ARCHIVED)
        case JobRerouted():
            before = event.attempt - 1
            outputs = _without(job.outputs, event.stage)
            return replace(
                job, status=JobStatus.RUNNING, stage=event.stage, attempts=before, forgiven=before, outputs=outputs
            )
        case RecipientRefused():
            before, here = event.attempt - 1, job.route.index(event.next_stage)
            gone = Refused(event.recipient, event.error_code, job.outputs.get("dispatch", {}))
            return replace(
                job,
                status=JobStatus.RUNNING,
                stage=event.next_stage,
                attempts=before,
                forgiven=before,
                attempts_before=before,
                provider="",
                refused=(*job.refused, gone),
                outputs={name: output for name, output in job.outputs.items() if name not in job.route[here:]},
            )
        case ReceiptRecorded():
            said = (*job.receipts.get(event.message_id, ()), event.status)
            return replace(job, receipts={**job.receipts, event.message_id: said})


def evolve_all(job: Job, events: Iterable[Event]) -> Job:
    """`evolve`, one event after the other: of stages that were completed in a row no job in between is made."""
    row: list[StageCompleted] = []
    for event in events:
        if type(event) is StageCompleted:
            row.append(event)
            continue
        if row:
            job, row = _completed(job, row), []
        job = evolve(job, event)
    return _completed(job, row) if row else job


def _completed(job: Job, row: Sequence[StageCompleted]) -> Job:
    """The job after these stages, completed one after the other."""
    outputs, attempted, person, sent_at = job.outputs.copy(), job.attempted, job.person, None
    for event in row:
        stage, following = event.stage, event.next_stage
        if event.output:
            outputs[stage] = event.output
        if following in outputs and following != stage:
            del outputs[following]  # A stage that the job comes to anew begins without what it found before.
        if event.attempt > attempted:
            attempted = event.attempt
        if event.person is not None:
            person = event.person
        if stage == "dispatch":
            sent_at = event.at
    made = event.attempt if following == stage else job.attempts_before  # Numbers do not repeat within a stage.
    return replace(
        job,
        status=RUNNING,
        stage=following or stage,
        attempts=made,
        forgiven=made,
        started_attempt=0,
        provider="",
        passed_over=(),
        in_doubt=False,
        attempted=attempted,
        due_at=None,
        outputs=outputs,
        person=person,
        sent=job.sent or sent_at is not None,
        sent_at=sent_at or job.sent_at,
    )


def _without(outputs: dict[str, Output], stage: str) -> dict[str, Output]:
    return {name: output for name, output in outputs.items() if name != stage} if stage in outputs else outputs
