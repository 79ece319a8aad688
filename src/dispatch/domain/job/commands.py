"""What may be asked of a job, and the answers that a stage can give."""

from datetime import datetime

import msgspec

from dispatch.domain.consent import Permission
from dispatch.domain.job.events import Output
from dispatch.domain.person import Person
from dispatch.domain.retry import RetryPolicy


class Done(msgspec.Struct, frozen=True):
    """The stage did its work and found this out."""

    output: Output = {}
    person: Person | None = None


class TryAgain(msgspec.Struct, frozen=True):
    """An accident outside that may pass; `retry_after_s` is what the provider asked for."""

    error_code: str
    retry_after_s: float | None = None


class GiveUp(msgspec.Struct, frozen=True):
    """Trying again would not help: a person must look."""

    error_code: str


class Block(msgspec.Struct, frozen=True):
    """The law stands in the way of contact."""

    rule: str
    reason: str


Outcome = Done | TryAgain | GiveUp | Block


class JobCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A request about one job, made at a time that it carries itself."""

    job_id: str
    at: datetime


class OpenJob(JobCommand, frozen=True, kw_only=True):
    """Make a job of a good row."""

    batch_id: str
    row: int
    reference: str
    service: str
    price_pence: int
    route: tuple[str, ...]
    person: Person
    permission: Permission
    details: dict[str, str] = {}


class StartStage(JobCommand, frozen=True, kw_only=True):
    """Note that a provider that acts is about to be called."""

    stage: str
    attempt: int
    idempotency_key: str


class RecordOutcome(JobCommand, frozen=True, kw_only=True):
    """Say how an attempt at a stage ended. `chance` in [0, 1) spreads the retries."""

    stage: str
    attempt: int
    outcome: Outcome
    retry: RetryPolicy
    chance: float = 0.0


class ResumeJob(JobCommand, frozen=True, kw_only=True):
    """Send an escalated job on."""

    by: str


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


Command = OpenJob | StartStage | RecordOutcome | ResumeJob | CancelJob | ArchiveJob | RerouteJob
