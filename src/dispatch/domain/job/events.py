"""What has happened to a job. Names and fields are stored: extend them, never rename."""

from datetime import datetime

import msgspec

from dispatch.domain.consent import Permission
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.person import Person

Output = dict[str, str | int | bool | list[str] | None]
"""What a stage found out; never personal data, which travels in `Person`."""


class JobEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about one job."""

    job_id: str
    at: datetime


class JobOpened(JobEvent, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A good row or a notification became a job, with the route as it was that day.

    A notification belongs to no batch: `batch_id` is empty then, `row` 0, and `channel` says how it travels.
    """

    batch_id: str
    row: int
    reference: str
    service: str
    price_pence: int
    route: tuple[str, ...]
    person: Person
    permission: Permission
    details: dict[str, str] = {}
    channel: str = ""
    priority: JobPriority = JobPriority.NORMAL
    scheduled_at: datetime | None = None  # Nothing is done before; None, or not after `at`: at once.

    @property
    def is_waiting(self) -> bool:
        """Is its time still to come?"""
        return self.scheduled_at is not None and self.scheduled_at > self.at


class StageStarted(JobEvent, frozen=True, kw_only=True):
    """A provider that acts is about to be called, under this key: a crash from here on leaves the attempt in doubt."""

    stage: str
    attempt: int
    idempotency_key: str
    provider: str = ""  # Who is called; empty in version 1 of this event.


class FailedOver(JobEvent, frozen=True, kw_only=True):
    """A provider could not be used and surely did nothing; the same attempt goes on to the next one in order."""

    stage: str
    attempt: int
    provider: str
    error_code: str


class StageCompleted(JobEvent, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A stage did its work; `next_stage` is empty after the last one.

    Where `next_stage` is the stage itself, a part of its work is done, and `output` is what is known so far.
    """

    stage: str
    attempt: int
    next_stage: str
    output: Output = {}
    person: Person | None = None  # The person as now known, where the stage learned something.
    priority: JobPriority = JobPriority.NORMAL  # The job's, for whoever carries the work to the next stage.


class StageFailed(JobEvent, frozen=True, kw_only=True):
    """An attempt failed; what follows (a retry or an escalation) is the next event."""

    stage: str
    attempt: int
    error_code: str
    transient: bool
    provider: str = ""
    message: str = ""  # What the provider said, normalised: no personal data.
    in_doubt: bool = False  # The provider may have acted all the same.


class StageDeferred(JobEvent, frozen=True, kw_only=True):
    """Nothing was tried: a limit, a cap or an open breaker stood in the way. The same attempt is due at `due_at`."""

    stage: str
    attempt: int
    reason: str
    due_at: datetime


class RetryScheduled(JobEvent, frozen=True, kw_only=True):
    """The stage is due again at `due_at`."""

    stage: str
    attempt: int  # The attempt to come.
    due_at: datetime


class JobEscalated(JobEvent, frozen=True, kw_only=True):
    """The job is before a person. `provider`, `message`, `transient`: of the failure that brought it there."""

    stage: str
    reason: str
    provider: str = ""
    message: str = ""
    transient: bool = False


class JobResumed(JobEvent, frozen=True, kw_only=True):
    """A person sent the job on; its stage is tried anew."""

    stage: str
    by: str


class DoubtSettled(JobEvent, frozen=True, kw_only=True):
    """It is known whether a provider had acted: if not, the stage is tried anew; if so, it is completed next.

    A person found it out, or the provider itself spoke of the message (`by` is `receipt:PROVIDER` then).
    """

    stage: str
    happened: bool
    by: str
    note: str


class EscalationAssigned(JobEvent, frozen=True, kw_only=True):
    """Somebody has it now; to nobody where `to` is empty."""

    to: str
    by: str


class EscalationSnoozed(JobEvent, frozen=True, kw_only=True):
    """Nobody is to be reminded of it before `until`."""

    until: datetime
    by: str
    reason: str


class EscalationRaised(JobEvent, frozen=True, kw_only=True):
    """Nobody had it in time: the next level is asked. The last one has no deadline."""

    level: int


class JobBlocked(JobEvent, frozen=True, kw_only=True):
    """No lawful basis to contact the person: nothing was sent and nothing will be."""

    stage: str
    rule: str
    reason: str


class JobDelivered(JobEvent, frozen=True, kw_only=True):
    """The last stage of the route is done."""


class JobCancelled(JobEvent, frozen=True, kw_only=True):
    """The job was ended by a person before it was sent."""

    by: str
    reason: str
    was_escalated: bool


class JobArchived(JobEvent, frozen=True, kw_only=True):
    """A person put an escalated job aside for good, sent or not: it is an exception of its batch."""

    stage: str
    by: str
    reason: str


class JobRerouted(JobEvent, frozen=True, kw_only=True):
    """A person had an escalated job go on at another stage of its route."""

    from_stage: str
    stage: str
    attempt: int  # The attempt to come there; it never repeats one that was made.
    by: str
    reason: str


class RecipientRefused(JobEvent, frozen=True, kw_only=True):
    """The address of whom the job was to reach is refused for good: the job goes back, and another one is chosen."""

    stage: str
    recipient: str  # Position and role, as `1 CEO`: who that is only the person of the job says.
    error_code: str
    next_stage: str
    attempt: int  # The attempt to come there; at every stage from here on numbers are above all that were made.
    priority: JobPriority = JobPriority.NORMAL  # The job's, for whoever carries the work to the next stage.


class ReceiptRecorded(JobEvent, frozen=True, kw_only=True):
    """A provider said what became of a message; it changes nothing by itself, and may come after the job has ended."""

    provider: str
    message_id: str  # The provider's own.
    status: ReceiptStatus  # Never `pending`.
    said_at: datetime  # By the provider's clock.
    code: str = ""
    contradicts: bool = False  # It had said the other thing before.


Event = (
    JobOpened
    | StageStarted
    | FailedOver
    | StageCompleted
    | StageFailed
    | StageDeferred
    | RetryScheduled
    | JobEscalated
    | JobResumed
    | DoubtSettled
    | EscalationAssigned
    | EscalationSnoozed
    | EscalationRaised
    | JobBlocked
    | JobDelivered
    | JobCancelled
    | JobArchived
    | JobRerouted
    | RecipientRefused
    | ReceiptRecorded
)
