"""What an explanation of a job holds: the rule, its inputs, and the events in the ledger that it rests on."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from dispatch.domain.job.state import JobStatus

Input = str | int | float | bool | None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the ledger on which the answer rests, with who caused it and under which command."""

    name: str
    position: int
    version: int
    at: datetime
    actor: str
    command_id: str


class FailedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt at the job's stage that failed."""

    attempt: int
    at: datetime
    error_code: str
    transient: bool
    position: int


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts that a job has at its stage by the settings in force, and how many of them are spent."""

    attempts_max: int
    attempts_spent: int  # Since it came to the stage, or a person let it go on.
    delay_first_s: float
    delay_cap_s: float


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """What decided: a rule, its inputs as they were recorded, and what a person can do about it."""

    why: str
    next: str
    rule: str = ""
    code: str = ""
    inputs: Mapping[str, Input] = {}
    until: datetime | None = None  # When what stands in the way is over, as far as that is known.
    same_today: bool | None = None  # Do the rules of this version decide the same? None: it is no rule of inputs alone.
    actions: tuple[str, ...] = ()  # resume, settle, cancel
    rests_on: tuple[Evidence, ...] = ()  # Beside the event that decided.


class Explanation(Reason, frozen=True, kw_only=True):
    """Why one job is where it is. The route is the one that it was opened with; the profile is that of its file."""

    job_id: str
    batch_id: str
    row: int
    reference: str
    status: JobStatus
    stage: str
    due_at: datetime | None
    decided: Evidence
    attempts: tuple[FailedAttempt, ...]
    opened: Evidence
    route: tuple[str, ...]
    profile: str = ""
    profile_version: int = 0
    budget: Budget | None = None  # Where it is tried again: at a stage that calls a provider, before it has ended.
