"""How the declared providers stand: health, breaker, spending and limits, for people."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from dispatch.application.calling.line import Capability, InDoubt, ProviderSpec
from dispatch.application.ports.provider_sheet import ProviderSheet, Spent, Standing
from dispatch.domain.breaker import BreakerState

MILLIPENCE_PER_POUND = 100_000


class ProviderShown(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as it was declared, and how it stands with all workers now."""

    name: str
    capability: Capability
    order: int  # 1 is asked first.
    state: BreakerState
    reopens_in_s: float
    score: float  # Share of calls that went well, the last minute counting most.
    took_ms: float
    window_calls: int
    window_failures: int
    calls_today: int
    spent_today_pounds: float
    cap_pounds: float | None
    channels: tuple[str, ...]
    in_flight_max: int
    rate: str  # As in "25 in 5 s"; empty: no limit.
    in_doubt: InDoubt


@dataclass(frozen=True)
class ShowProviders:
    """Reads the sheet. Raises LedgerUnavailable."""

    specs: Sequence[ProviderSpec]
    sheet: ProviderSheet

    def __call__(self) -> list[ProviderShown]:
        """In the order in which they are asked, by capability."""
        standings, spent = self.sheet.exchange({}), self.sheet.spent()
        shown: list[ProviderShown] = []
        for capability in Capability:
            specs = [spec for spec in self.specs if spec.capability is capability]
            for order, spec in enumerate(specs, 1):
                shown.append(_shown(spec, order, standings.get(spec.name, Standing()), spent.get(spec.name, Spent())))
        return shown


def _shown(spec: ProviderSpec, order: int, standing: Standing, spent: Spent) -> ProviderShown:
    return ProviderShown(
        name=spec.name,
        capability=spec.capability,
        order=order,
        state=standing.state,
        reopens_in_s=round(standing.reopens_in_s, 1),
        score=round(standing.score, 4),
        took_ms=round(standing.took_ms, 1),
        window_calls=standing.calls,
        window_failures=standing.failures,
        calls_today=spent.calls,
        spent_today_pounds=spent.millipence / MILLIPENCE_PER_POUND,
        cap_pounds=None if spec.cap_millipence is None else spec.cap_millipence / MILLIPENCE_PER_POUND,
        channels=spec.channels,
        in_flight_max=spec.in_flight_max,
        rate=f"{spec.rate.per} in {spec.rate.seconds:g} s" if spec.rate else "",
        in_doubt=spec.in_doubt,
    )
