"""What may be asked of a job, and the answers that a stage can give."""

from datetime import datetime

import msgspec

from dispatch.domain.consent import Permission
from dispatch.domain.job.events import Output
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.person import Person
from dispatch.domain.retry import RetryPolicy


class Done(msgspec.Struct, frozen=True, gc=False):
    """The stage did its work and found this out."""

    output: Output = {}
    person: Person | None = None


class Progressed(msgspec.Struct, frozen=True):
    """The stage did a part of its work and found this out so far; the rest of it is due at the same stage."""

    output: Output = {}
    person: Person | None = None


class TryAgain(msgspec.Struct, frozen=True):
    """An accident outside that may pass; `retry_after_s` is what the provider asked for."""

    error_code: str
    retry_after_s: float | None = None
    in_doubt: bool = False  # The provider may have acted all the same.
    message: str = ""  # What the provider said, without personal data.


class GiveUp(msgspec.Struct, frozen=True):
    """Trying again would not help: a person must look."""

    error_code: str
    in_doubt: bool = False  # The provider may have acted all the same.
    message: str = ""  # What the provider said, without personal data.


class Block(msgspec.Struct, frozen=True):
    """The law stands in the way of contact."""

    rule: str
    reason: str


class Defer(msgspec.Struct, frozen=True):
    """Nothing was tried, for this reason; the same attempt is due after `wait_s` seconds. It costs no attempt."""

    reason: str
    wait_s: float


Outcome = Done | Progressed | TryAgain | GiveUp | Block | Defer

OUTCOME_UNKNOWN = "outcome_unknown"
"""Given up since nobody can say whether the provider acted, and to ask it again might do it twice."""


class JobCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A request about one job, made at a time that it carries itself."""

    job_id: str
    at: datetime


class OpenJob(JobCommand, frozen=True, kw_only=True):
    """Make a job of a good row, or of a notification."""

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
    scheduled_at: datetime | None = None


class StartStage(JobCommand, frozen=True, kw_only=True):
    """Note that a provider that acts is about to be called."""

    stage: str
    attempt: int
    idempotency_key: str
    provider: str = ""


class PassOver(JobCommand, frozen=True, kw_only=True):
    """Note that a provider could not be used and did nothing, so that the next one in order is asked."""

    stage: str
    attempt: int
    provider: str
    error_code: str


class RecordOutcome(JobCommand, frozen=True, kw_only=True, gc=False):
    """Say how an attempt at a stage ended. `chance` in [0, 1) spreads the retries."""

    stage: str
    attempt: int
    outcome: Outcome
    retry: RetryPolicy
    chance: float = 0.0
    provider: str = ""


class ResumeJob(JobCommand, frozen=True, kw_only=True):
    """Send an escalated job on."""

    by: str


class EscalationCommand(JobCommand, frozen=True, kw_only=True):
    """A request about a job that is before people, beside sending it on and ending it."""


class SettleDoubt(EscalationCommand, frozen=True, kw_only=True):
    """Say whether the provider had acted, for a job that was given up because nobody knew."""

    by: str
    happened: bool
    note: str


class AssignEscalation(EscalationCommand, frozen=True, kw_only=True):
    """Give a job that is before people to one of them; to nobody where `to` is empty."""

    to: str
    by: str


class SnoozeEscalation(EscalationCommand, frozen=True, kw_only=True):
    """Let nobody be reminded of it before `until`."""

    until: datetime
    by: str
    reason: str


class RaiseEscalation(EscalationCommand, frozen=True, kw_only=True):
    """Ask this level, since nobody of those below had it in time."""

    level: int


class CancelJob(JobCommand, frozen=True, kw_only=True):
    """End a job that was not sent yet."""

    by: str
    reason: str


class ArchiveJob(JobCommand, frozen=True, kw_only=True):
    """Put an escalated job aside for good; unlike cancelling, also one that was sent."""

    by: str
    reason: str


class RerouteJob(JobCommand, frozen=True, kw_only=True):
    """Have an escalated job go on at another stage of its route."""

    stage: str
    by: str
    reason: str


class RecordReceipt(JobCommand, frozen=True, kw_only=True):
    """Say what a provider said of a message: named by its own id, by the key it was sent under, or by both."""

    provider: str
    status: ReceiptStatus
    said_at: datetime
    message_id: str = ""
    idempotency_key: str = ""
    code: str = ""  # Of the provider, where it says more.


OfPeople = SettleDoubt | AssignEscalation | SnoozeEscalation | RaiseEscalation

OfWork = OpenJob | StartStage | PassOver | RecordOutcome | RecordReceipt

Command = OfWork | ResumeJob | OfPeople | CancelJob | ArchiveJob | RerouteJob
