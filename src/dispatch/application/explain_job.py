"""Why a job is where it is, also while nothing about it is in the ledger: what it waits for now, and until when."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from msgspec.structs import replace

from dispatch.application import why_words as words
from dispatch.application.calling.line import ProviderSpec
from dispatch.application.calling.switchboard import Wanted
from dispatch.application.calling.wanting import wanted
from dispatch.application.explanation import Budget, Explanation, Input
from dispatch.application.in_the_way import Obstacle, Situation, candidates, turn, who_is_asked
from dispatch.application.limits import OutboundRates
from dispatch.application.paused import CODE as PAUSED
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.gates import Gate
from dispatch.application.ports.ledger import EventLedger
from dispatch.application.ports.limits import Limit, Limiter
from dispatch.application.ports.provider_sheet import ProviderSheet
from dispatch.application.stages.stage import ProviderStage, Stage
from dispatch.application.tenants import TenantOf
from dispatch.application.why import why
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import Event
from dispatch.domain.job.state import ENDED, Job, JobStatus

STANDS_BY_ITSELF = "what limits or protects a provider holds work back, and spends no attempt of it"


@dataclass(frozen=True)
class ExplainJob:
    """Reads the ledger, the gates, and what workers share about providers; both doors ask it.

    `ahead` answers how many jobs are before one in its queue.
    """

    ledger: EventLedger
    look: Callable[[], Mapping[str, Gate]]
    stages: Mapping[str, Stage]
    specs: Sequence[ProviderSpec]
    sheet: ProviderSheet
    limiter: Limiter
    rates: OutboundRates
    ahead: Callable[[str], int]
    clock: Clock

    def __call__(self, job_id: str) -> Explanation:
        """Raises JobUnknown, LedgerUnavailable, ViewsUnavailable."""
        closed = self.look()
        explained, now = why(self.ledger, job_id, closed), self.clock()
        if explained.status in ENDED:
            return explained
        job = decider.fold(cast("list[Event]", self.ledger.load(job_id).events))
        explained = replace(explained, budget=self._budget(job))
        if explained.code == PAUSED or not _is_due(explained, now):
            return explained
        if job.started_attempt == job.attempt:
            return explained  # A provider has it.
        ahead, stage = self.ahead(job_id), self.stages.get(explained.stage)
        if not isinstance(stage, ProviderStage):
            return _queued(explained, ahead)
        asked = self._wanted(stage, job_id, job)
        situation = Situation(now=now, closed=closed, standings=self.sheet.exchange({}), spent=self.sheet.spent())
        able = candidates(self.specs, stage.provider, asked)
        nobody = Obstacle(f"no_provider:{asked.channel or stage.provider}", None)
        found = who_is_asked(able, situation) if able else nobody
        if isinstance(found, Obstacle):
            return _held(explained, found, ahead, closed)
        limits = self._limits(found, asked)
        held = turn(limits, self.limiter.standings(limits) if limits else [], ahead, now)
        return _held(explained, held, ahead, closed) if held else _queued(explained, ahead, found.name)

    def _budget(self, job: Job) -> Budget | None:
        stage = self.stages.get(job.stage)
        if not isinstance(stage, ProviderStage):
            return None
        return Budget(
            attempts_max=stage.retry.attempts_max,
            attempts_spent=job.attempts - job.forgiven,
            delay_first_s=stage.retry.delay_first_s,
            delay_cap_s=stage.retry.delay_cap_s,
        )

    def _wanted(self, stage: ProviderStage, job_id: str, job: Job) -> Wanted:
        tenant = ""
        if self.rates.tenant_per_s and stage.acts:
            tenant_of = TenantOf(self.ledger)
            tenant_of.learn([job.batch_id])
            tenant = tenant_of(job.batch_id)
        return wanted(stage, job_id, job, in_doubt=stage.acts and job.may_have_acted, tenant=tenant)

    def _limits(self, spec: ProviderSpec, one: Wanted) -> list[Limit]:
        own = [Limit(f"provider:{spec.name}", spec.rate)] if spec.rate else []
        named = "" if own else spec.name
        return own + self.rates.limits(channel=one.channel, provider=named, tenant=one.tenant)


def _is_due(explained: Explanation, now: datetime) -> bool:
    """Is it at a stage, or waits for a time that has come?"""
    if explained.status is JobStatus.WAITING:
        return explained.due_at is not None and explained.due_at <= now
    return explained.status is JobStatus.RUNNING


def _held(explained: Explanation, by: Obstacle, ahead: int, closed: Mapping[str, Gate]) -> Explanation:
    said, until = words.deferred(by.reason), by.until.isoformat(timespec="seconds") if by.until else None
    gate = closed.get(by.reason.replace("provider_paused:", "provider:"))
    paused_by = f" by {gate.by}" + (f": {gate.reason}" if gate.reason else "") if gate else ""
    when = ""
    if until and by.reason.startswith("rate_limited:"):
        when = f"; {_before(ahead)} before it, and its turn comes at {until} at the earliest"
    elif until:
        when = f"; it is asked again at {until}"
    return replace(
        explained,
        why=f"{said.why}{paused_by}{when}",
        next=said.next,
        rule=STANDS_BY_ITSELF,
        code=by.reason,
        inputs={**explained.inputs, "until": until, "ahead": ahead},
        until=by.until,
        same_today=None,
    )


def _queued(explained: Explanation, ahead: int, provider: str = "") -> Explanation:
    place = f"{_before(ahead)} before it" + ("" if ahead else ": a worker has it in hand, or takes it next")
    asked = f", and {provider} may be asked" if provider else ""
    inputs: dict[str, Input] = {**explained.inputs, "ahead": ahead}
    return replace(
        explained,
        why=f"nothing stands in its way{asked}; in the queue of {explained.stage} {place}",
        inputs=inputs | ({"provider": provider} if provider else {}),
    )


def _before(ahead: int) -> str:
    return {0: "no job is", 1: "one job is"}.get(ahead, f"{ahead:,} jobs are")
