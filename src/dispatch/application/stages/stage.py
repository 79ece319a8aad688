"""What a stage is: a pure decision, a look into a register of ours, or a provider call with its limits."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from dispatch.application.calling.line import ProviderSpec
from dispatch.application.ports.providers import Providers
from dispatch.application.ports.registers import Registers
from dispatch.domain.job.commands import Outcome
from dispatch.domain.job.state import Job
from dispatch.domain.retry import RetryPolicy


class Task(msgspec.Struct, frozen=True):
    """One job at one stage: what the stage may look at."""

    job_id: str
    job: Job
    at: datetime
    idempotency_key: str
    provider: str = ""  # Who is called, where somebody is.


class PureStage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that decides from what the job knows; a chunk of jobs passes several of them in one append.

    `reads_person` says that it looks at `job.person`, which is encrypted for all others.
    """

    name: str
    after: str = ""
    decide: Callable[[Task], Outcome]
    reads_person: bool = False


class RegisterStage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that decides by a register of ours, which is asked once for a whole chunk.

    `decide` answers an outcome for each task, by job id. A register answers the same however often it is asked.
    """

    name: str
    after: str = ""
    decide: Callable[[Sequence[Task], Registers], Mapping[str, Outcome]]
    reads_person: bool = False


class ProviderStage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that calls a provider, concurrently and outside any transaction.

    `reads_person` says that it looks at `job.person`, which is encrypted for all others.
    `provider` names the capability that it calls, once for each job that passes; one that works in parts (`Progressed`)
    calls it once for each part, of which a job has `parts` as a rule.
    `channel` says by which channel a job's message goes, where that matters for who may carry it.
    `same_provider_as` names an earlier stage: whoever served the job there is asked here.
    `known` says what can be answered without asking anybody, given who would be asked; None: the provider is asked.
    `acts` says that the call has an effect outside: the attempt is recorded before it, under its idempotency key.
    An accident (`ProviderUnavailable`) is tried again by `retry`; a refusal (`ProviderRefused`) goes before a person.
    """

    name: str
    after: str = ""
    call: Callable[[Task, Providers], Awaitable[Outcome]]
    provider: str
    channel: Callable[[Job], str] | None = None
    known: Callable[[Task, ProviderSpec], Outcome | None] | None = None
    same_provider_as: str = ""
    retry: RetryPolicy = RetryPolicy()
    in_flight_max: int = 250
    acts: bool = False
    reads_person: bool = False
    parts: int = 1


Stage = PureStage | RegisterStage | ProviderStage
