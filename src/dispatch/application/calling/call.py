"""One call of a provider for one job, and what its end means: an outcome, or that the next provider is asked."""

import asyncio
from time import monotonic

import msgspec
from msgspec.structs import replace

from dispatch.application.calling.line import InDoubt, Line
from dispatch.application.calling.standings import Standings
from dispatch.application.ports.providers import ProviderRefused, ProviderUnavailable
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import OUTCOME_UNKNOWN, Defer, Done, GiveUp, Outcome, Progressed, TryAgain

REFUSED_WAIT_S = 30.0


class Passed(msgspec.Struct, frozen=True):
    """This provider could not be used and surely did nothing."""

    error_code: str


async def call(
    stage: ProviderStage, task: Task, line: Line, standings: Standings, *, in_doubt: bool, has_next: bool
) -> Outcome | Passed:
    """Call the stage's provider for this job.

    `in_doubt`: it may have acted for the job before. `has_next`: another provider may be asked in its place.

    Raises whatever the stage raises but for accidents and refusals of the provider.
    """
    began = monotonic()
    providers = line.asking if in_doubt and line.spec.in_doubt is InDoubt.ASK else line.providers
    try:
        outcome = await stage.call(task, providers)
    except ProviderUnavailable as accident:
        busy = accident.code == "rate_limited"  # It is well, and asks for patience.
        standings.report(line.name, failed=not busy, took_s=monotonic() - began)
        return _after(stage, line, accident, in_doubt=in_doubt, has_next=has_next)
    except ProviderRefused as refusal:
        standings.report(line.name, failed=refusal.of_us, tripped=refusal.of_us, took_s=monotonic() - began)
        if not refusal.of_us:
            return GiveUp(refusal.code, message=refusal.message)
        if has_next and not in_doubt:
            return Passed(refusal.code)
        return Defer(f"{refusal.code}:{line.name}", REFUSED_WAIT_S)  # The job is not at fault.
    standings.report(line.name, failed=False, took_s=monotonic() - began)
    if isinstance(outcome, Done | Progressed):
        return replace(outcome, output={**outcome.output, "provider": line.name})
    return outcome


def _after(
    stage: ProviderStage, line: Line, accident: ProviderUnavailable, *, in_doubt: bool, has_next: bool
) -> Outcome | Passed:
    """What follows from an accident. What may have had an effect is never done by another provider as well."""
    if accident.no_effect and not in_doubt:
        again = TryAgain(accident.code, accident.retry_after_s, message=accident.message)
        return Passed(accident.code) if has_next else again
    doubtful = stage.acts and (in_doubt or not accident.no_effect)
    if doubtful and line.spec.in_doubt is InDoubt.PERSON:
        return GiveUp(OUTCOME_UNKNOWN, in_doubt=True, message=accident.message)
    return TryAgain(accident.code, accident.retry_after_s, in_doubt=doubtful, message=accident.message)


async def wait_until(at: float) -> None:
    """Until this time of the monotonic clock."""
    if (wait_s := at - monotonic()) > 0:
        await asyncio.sleep(wait_s)
