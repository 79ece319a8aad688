"""Which rate limits there are: for what goes out by channel, provider and tenant, and for callers by plan."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from dispatch.application.ports.limits import Limit, Limiter, Reservation
from dispatch.application.ports.providers import Channel
from dispatch.domain.gcra import Rate

IN_USE_MAX = 100
CALLER = "caller:"
PLANS: Mapping[str, Rate | None] = {
    "free": Rate(100, 60.0, 100),
    "paid": Rate(1000, 60.0, 1000),
    "enterprise": None,
}
"""Requests per minute of one caller (acceptance 3.08); None is no limit."""


class OutboundRates(msgspec.Struct, frozen=True, kw_only=True):
    """How much may go out each second. 0, or a provider that is not named, is no limit of that kind.

    A tenant is who brought the batch, as its `received_by` says: `webhook:crm`, `source:partner`, `api`, or a user.
    Bursts are 1: what goes out is spread evenly, and in no second goes more than is said.
    """

    channel_per_s: int = 100
    providers_per_s: Mapping[str, int] = {}
    tenant_per_s: int = 0

    def limits(self, *, channel: str = "", provider: str = "", tenant: str = "") -> list[Limit]:
        """The limits of one kind of call; for `Limiter.reserve_all`. An empty name has none."""
        rates = (
            ("channel", channel, self.channel_per_s),
            ("provider", provider, self.providers_per_s.get(provider, 0)),
            ("tenant", tenant, self.tenant_per_s),
        )
        return [Limit(f"{kind}:{name}", Rate(per_s)) for kind, name, per_s in rates if name and per_s]


class Held(msgspec.Struct, frozen=True):
    """Why something waits, such as `rate_limited:channel:sms`, and until when."""

    reason: str
    until: datetime


def held(reservation: Reservation, now: datetime) -> Held | None:
    """Why the first of a call waits, or, where none was granted, the question for one; None: it may go."""
    wait_s = reservation.delay_s if reservation.granted else reservation.ask_again_s
    if wait_s == 0:
        return None
    return Held(f"rate_limited:{reservation.limited_by}", now + timedelta(seconds=wait_s))


class InboundPlan(msgspec.Struct, frozen=True):
    """What a caller may ask for, by the name of the plan. A rate of None is no limit."""

    name: str
    rate: Rate | None

    def limit(self, caller: str) -> Limit | None:
        """The limit of this caller."""
        return Limit(f"{CALLER}{self.name}:{caller}", self.rate) if self.rate else None


class ShownLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit and how full it is: `waits_s` is how far ahead it is reserved; 0 when one may go now.

    `taken` and `waits_s` are null where each caller or tenant has a limit of its own; `in_use` counts those (at most
    100) that are not full again.
    """

    name: str
    per: int
    seconds: float
    burst: int
    taken: int | None
    waits_s: float | None
    in_use: int | None


def show_limits(limiter: Limiter, outbound: OutboundRates, plan: InboundPlan) -> list[ShownLimit]:
    """Every limit that is set. Raises LedgerUnavailable."""
    named = [limit for channel in Channel for limit in outbound.limits(channel=channel.value)]
    named += [limit for provider in sorted(outbound.providers_per_s) for limit in outbound.limits(provider=provider)]
    tenant = Rate(outbound.tenant_per_s) if outbound.tenant_per_s else None
    tenants = limiter.in_use("tenant:", IN_USE_MAX) if tenant else []
    if tenant:
        named += [Limit(key, tenant) for key in tenants]
    shown = _standing(limiter, named)
    if tenant:
        shown.append(_each("tenant:*", tenant, len(tenants)))
    if plan.rate:
        shown.append(_each(f"{CALLER}{plan.name}:*", plan.rate, len(limiter.in_use(CALLER, IN_USE_MAX))))
    return shown


def _standing(limiter: Limiter, limits: Sequence[Limit]) -> list[ShownLimit]:
    return [
        ShownLimit(
            name=limit.key,
            per=limit.rate.per,
            seconds=limit.rate.seconds,
            burst=limit.rate.burst,
            taken=standing.taken,
            waits_s=max(0.0, standing.free_after_s - (limit.rate.burst - 1) * limit.rate.seconds / limit.rate.per),
            in_use=None,
        )
        for limit, standing in zip(limits, limiter.standings(limits), strict=True)
    ]


def _each(name: str, rate: Rate, in_use: int) -> ShownLimit:
    return ShownLimit(
        name=name, per=rate.per, seconds=rate.seconds, burst=rate.burst, taken=None, waits_s=None, in_use=in_use
    )
