"""What has happened to a job. Names and fields are stored: extend them, never rename."""

from datetime import datetime

import msgspec

from dispatch.domain.consent import Permission
from dispatch.domain.person import Person

Output = dict[str, str | int | bool | list[str] | None]
"""What a stage found out; never personal data, which travels in `Person`."""


class JobEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about one job."""

    job_id: str
    at: datetime


class JobOpened(JobEvent, frozen=True, kw_only=True, gc=False):
    """A good row became a job, with the route as it was that day."""

    batch_id: str
    row: int
    reference: str
    service: str
    price_pence: int
    route: tuple[str, ...]
    person: Person
    permission: Permission
    details: dict[str, str] = {}


class StageStarted(JobEvent, frozen=True, kw_only=True):
    """A provider that acts is about to be called, under this key: a crash from here on leaves the attempt in doubt."""

    stage: str
    attempt: int
    idempotency_key: str


class StageCompleted(JobEvent, frozen=True, kw_only=True):
    """A stage did its work; `next_stage` is empty after the last one."""

    stage: str
    attempt: int
    next_stage: str
    output: Output = {}
    person: Person | None = None  # The person as now known, where the stage learned something.


class StageFailed(JobEvent, frozen=True, kw_only=True):
    """An attempt failed; what follows (a retry or an escalation) is the next event."""

    stage: str
    attempt: int
    error_code: str
    transient: bool
    provider: str = ""
    message: str = ""  # Normalised, without personal data.


class RetryScheduled(JobEvent, frozen=True, kw_only=True):
    """The stage is due again at `due_at`."""

    stage: str
    attempt: int  # The attempt to come.
    due_at: datetime


class JobEscalated(JobEvent, frozen=True, kw_only=True):
    """The job is before a person."""

    stage: str
    reason: str


class JobResumed(JobEvent, frozen=True, kw_only=True):
    """A person sent the job on; its stage is tried anew."""

    stage: str
    by: str


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


Event = (
    JobOpened
    | StageStarted
    | StageCompleted
    | StageFailed
    | RetryScheduled
    | JobEscalated
    | JobResumed
    | JobBlocked
    | JobDelivered
    | JobCancelled
    | JobArchived
    | JobRerouted
)
