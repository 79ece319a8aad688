"""Who is called for which job: the providers of a capability in their order, as far as they may be asked now."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from dispatch.application.calling.line import InDoubt, Line
from dispatch.application.calling.standings import Standings
from dispatch.application.limits import OutboundRates
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.limits import Limit, Limiter
from dispatch.application.ports.provider_sheet import ProviderSheet

HORIZON_S = 1.0
"""A limit is reserved so far ahead at most, so that one chunk cannot keep others out for longer."""
SHORTEST_WAIT_S = 0.5
LEAST_PAUSE_S = 0.02
NO_CAP = 1 << 60


class Wanted(msgspec.Struct, frozen=True):
    """A job that needs a provider."""

    job_id: str
    channel: str = ""
    passed_over: tuple[str, ...] = ()
    tenant: str = ""  # Who brought it, where that matters.
    bound_to: str = ""  # The one that must be asked: it has, or may have, acted for the job before.


class Assigned(msgspec.Struct, frozen=True):
    """Call this one, no sooner than `after_s` seconds from now."""

    line: Line
    after_s: float = 0.0


class NotNow(msgspec.Struct, frozen=True):
    """Nobody may be called for this reason; ask again after `wait_s` seconds."""

    reason: str
    wait_s: float


class Later(msgspec.Struct, frozen=True):
    """Keep it in hand and ask again after `wait_s` seconds: its turn comes, or a probe goes before it.

    It is not put off: at a limit all who wait would be put off again and again.
    """

    wait_s: float = 0.0


Answer = Assigned | NotNow | Later | None
"""None: every provider was passed over."""


@dataclass(frozen=True)
class Switchboard:
    """The lines in their order, with what all workers know about them.

    `rates` limit what goes out by channel and tenant, whoever carries it. `chance` in [0, 1) spreads what is put off.
    """

    lines: Sequence[Line]
    sheet: ProviderSheet
    standings: Standings
    limiter: Limiter | None = None
    rates: OutboundRates | None = None
    chance: Callable[[], float] = lambda: 0.0
    now: Callable[[], datetime] = utc_now
    slots: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    def of(self, capability: str, channel: str = "") -> list[Line]:
        """The lines that may serve, in order."""
        return [line for line in self.lines if line.spec.capability == capability and line.spec.serves(channel)]

    def find(self, capability: str, name: str) -> Line | None:
        """The line of this name; where it is gone, or none is named, the first one; None without any."""
        lines = [line for line in self.lines if line.spec.capability == capability]
        return next((line for line in lines if line.name == name), lines[0] if lines else None)

    def only_a_person_knows(self, capability: str, name: str) -> bool:
        """Can nobody but a person find out whether this provider has acted?

        Also where it is declared no more: to ask another one might do it twice.
        """
        line = self.find(capability, name)
        if line is None or name not in ("", line.name):
            return True
        return line.spec.in_doubt is InDoubt.PERSON

    def slot(self, line: Line) -> asyncio.Semaphore:
        """What keeps the calls at once within what this provider takes."""
        slots = self.slots.get(line.name)
        if slots is None:
            slots = self.slots[line.name] = asyncio.Semaphore(line.spec.in_flight_max)
        return slots

    def has_next(self, capability: str, wanted: Wanted, line: Line) -> bool:
        """Is there somebody else who may be asked in place of this line?"""
        if wanted.bound_to:
            return False
        others = (one for one in self.of(capability, wanted.channel) if one is not line)
        return any(one.name not in wanted.passed_over and self.standings.closed(one.name) is None for one in others)

    async def assign(self, capability: str, wanted: Sequence[Wanted]) -> dict[str, Answer]:
        """A line for each of these jobs, or what stands in the way. What is granted is booked.

        Raises LedgerUnavailable.
        """
        await self.standings.refresh()
        answers: dict[str, Answer] = {}
        for alike in _alike(wanted):
            answers |= await self._assign_alike(capability, alike)
        return answers

    async def _assign_alike(self, capability: str, wanted: Sequence[Wanted]) -> dict[str, Answer]:
        """Jobs that are served alike."""
        one, left = wanted[0], list(wanted)
        if one.bound_to:
            bound = self.find(capability, one.bound_to)
            candidates = [bound] if bound else []
        else:
            candidates = [line for line in self.of(capability, one.channel) if line.name not in one.passed_over]
        if not candidates:
            if one.passed_over:
                return dict.fromkeys([job.job_id for job in wanted])
            return {job.job_id: NotNow(f"no_provider:{one.channel or capability}", 60.0) for job in wanted}
        answers: dict[str, Answer] = {}
        why: list[NotNow] = []
        for line in candidates:
            if not left:
                break
            closed = self.standings.closed(line.name)
            if closed is not None and not closed.may_probe:
                why.append(NotNow(closed.reason, max(SHORTEST_WAIT_S, closed.wait_s)))
                continue
            if closed is not None:
                if not await asyncio.to_thread(self.sheet.take_probe, line.name, self.standings.probe_within_s):
                    why.append(NotNow(closed.reason, 2 * SHORTEST_WAIT_S))
                    continue
                taken = await self._grant(line, left[:1], why)
                answers |= taken
                if taken:
                    return answers | {job.job_id: Later() for job in left if job.job_id not in taken}
                continue
            taken = await self._grant(line, left, why)
            answers |= taken
            left = [job for job in left if job.job_id not in taken]
        soonest = min(why, key=lambda no: no.wait_s) if why else NotNow("no_provider", 60.0)
        return answers | {job.job_id: NotNow(soonest.reason, soonest.wait_s * (1 + self.chance() / 4)) for job in left}

    async def _grant(self, line: Line, wanted: Sequence[Wanted], why: list[NotNow]) -> dict[str, Answer]:
        """For as many of these as the cap covers; says into `why` that it does not cover all.

        What a limit lets through only later waits for this very line: the next in order is for failures, not for speed.
        """
        spec = line.spec
        covered = await self._book(line, len(wanted))
        if covered < len(wanted):
            why.append(NotNow(f"spend_cap:{line.name}", self._until_midnight_s()))
        paced = await self._pace(line, wanted[0], covered)
        beyond = covered - len(paced.at_s)
        if beyond and spec.price_millipence:
            await asyncio.to_thread(self.sheet.give_back, line.name, spec.price_millipence, beyond)
        answers: dict[str, Answer] = {
            job.job_id: Assigned(line, after_s) for job, after_s in zip(wanted, paced.at_s, strict=False)
        }
        answers |= {job.job_id: Later(paced.wait_s) for job in wanted[len(paced.at_s) : covered]}
        return answers

    async def _book(self, line: Line, calls: int) -> int:
        """How many of these calls today's cap covers."""
        price, cap = line.spec.price_millipence, line.spec.cap_millipence
        if not price and cap is None:
            return calls
        return await asyncio.to_thread(self.sheet.reserve, line.name, price, calls, NO_CAP if cap is None else cap)

    async def _pace(self, line: Line, one: Wanted, count: int) -> "_Paced":
        """When each of `count` calls may go; fewer where a limit is reached."""
        rates = self.rates or OutboundRates(channel_per_s=0)
        own = [Limit(f"provider:{line.name}", line.spec.rate)] if line.spec.rate else []
        named = "" if own else line.name  # What the file says of a provider goes before the settings.
        limits = own + rates.limits(channel=one.channel, provider=named, tenant=one.tenant)
        if not limits or self.limiter is None or not count:
            return _Paced([0.0] * count)
        got = await asyncio.to_thread(self.limiter.reserve_all, limits, count, HORIZON_S)
        at_s = [got.starts_after_s(place) for place in range(got.granted)]
        return _Paced(at_s, max(LEAST_PAUSE_S, got.ask_again_s))

    def _until_midnight_s(self) -> float:
        now = self.now()
        return (
            now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1, seconds=1) - now
        ).total_seconds()

    async def closed(self, capability: str) -> NotNow | None:
        """Why nobody of this capability may be called at present, and for how long; None where somebody may.

        Raises LedgerUnavailable.
        """
        await self.standings.refresh()
        lines = [line for line in self.lines if line.spec.capability == capability]
        stands = [one for line in lines if (one := self.standings.closed(line.name)) and not one.may_probe]
        if not lines or len(stands) < len(lines):
            return None
        soonest = min(stands, key=lambda one: one.wait_s)
        return NotNow(soonest.reason, soonest.wait_s)


def _alike(wanted: Sequence[Wanted]) -> Iterable[list[Wanted]]:
    groups: dict[tuple[str, str, tuple[str, ...], str], list[Wanted]] = {}
    for job in wanted:
        groups.setdefault((job.channel, job.tenant, job.passed_over, job.bound_to), []).append(job)
    return groups.values()


@dataclass
class _Paced:
    """After how many seconds each call may go, and when the others may ask again."""

    at_s: list[float]
    wait_s: float = 0.0
