"""What keeps a job that is under way from its provider now: a pause, a breaker, a cap, a limit, or those before it.

A worker decides by what it knows in memory. The same stands in the tables that all workers share, and is read here:
pauses, breakers, what was spent today, and how far ahead each limit is taken.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from dispatch.application.calling.line import ProviderSpec
from dispatch.application.calling.switchboard import Wanted
from dispatch.application.ports.gates import Gate, gate_key
from dispatch.application.ports.limits import Limit
from dispatch.application.ports.limits import Standing as LimitStanding
from dispatch.application.ports.provider_sheet import Spent, Standing
from dispatch.domain.breaker import BreakerState
from dispatch.domain.control.events import PauseScope


class Obstacle(msgspec.Struct, frozen=True):
    """A reason as `StageDeferred` holds it, and until when; None: until a person does something."""

    reason: str
    until: datetime | None


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What all workers share about providers, as it is now."""

    now: datetime
    closed: Mapping[str, Gate]
    standings: Mapping[str, Standing]
    spent: Mapping[str, Spent]


def candidates(specs: Sequence[ProviderSpec], capability: str, wanted: Wanted) -> list[ProviderSpec]:
    """Who may serve the job, in order; as the switchboard has it."""
    able = [spec for spec in specs if spec.capability == capability]
    if wanted.bound_to:
        return [spec for spec in able if spec.name == wanted.bound_to][:1] or able[:1]
    return [spec for spec in able if spec.serves(wanted.channel) and spec.name not in wanted.passed_over]


def keeps_back(spec: ProviderSpec, now: Situation) -> Obstacle | None:
    """Why this provider is not asked now."""
    if (gate := now.closed.get(gate_key(PauseScope.PROVIDER, spec.name))) is not None:
        return Obstacle(f"provider_paused:{spec.name}", gate.until)
    standing = now.standings.get(spec.name, Standing())
    if standing.state is not BreakerState.CLOSED:
        return Obstacle(f"breaker_open:{spec.name}", now.now + timedelta(seconds=standing.reopens_in_s))
    spent = now.spent.get(spec.name, Spent())
    if spec.cap_millipence is not None and spent.millipence + spec.price_millipence > spec.cap_millipence:
        return Obstacle(f"spend_cap:{spec.name}", _next_day(now.now))
    return None


def who_is_asked(specs: Sequence[ProviderSpec], now: Situation) -> ProviderSpec | Obstacle:
    """The first of these who may be asked now; else what ends the soonest. Raises ValueError without any."""
    obstacles: list[Obstacle] = []
    for spec in specs:
        obstacle = keeps_back(spec, now)
        if obstacle is None:
            return spec
        obstacles.append(obstacle)
    never = datetime.max.replace(tzinfo=now.now.tzinfo)
    return min(obstacles, key=lambda one: one.until or never)


def turn(limits: Sequence[Limit], standings: Sequence[LimitStanding], ahead: int, now: datetime) -> Obstacle | None:
    """The limit that lets the job through last, and when at the earliest, behind those before it. None: no limit does.

    A limit of which nothing is taken holds up nobody, unless more are before the job than it lets through in a second.
    """
    waits: list[tuple[float, str]] = []
    for limit, standing in zip(limits, standings, strict=True):
        interval_s = limit.rate.seconds / limit.rate.per
        taken_s = max(0.0, standing.free_after_s - (limit.rate.burst - 1) * interval_s)
        queued_s = max(0, ahead + 1 - limit.rate.burst) * interval_s
        if taken_s > 0 or queued_s > 1:
            waits.append((max(taken_s, queued_s), limit.key))
    if not waits:
        return None
    wait_s, key = max(waits)
    return Obstacle(f"rate_limited:{key}", now + timedelta(seconds=wait_s))


def _next_day(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
