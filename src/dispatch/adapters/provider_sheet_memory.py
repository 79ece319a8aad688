"""The sheet of providers in memory: for tests, and for a process alone."""

import time
from collections.abc import Callable, Mapping

from dispatch.application.ports.provider_sheet import ProviderSheet, Report, Spent, Standing
from dispatch.domain.breaker import Breaker, BreakerState
from dispatch.domain.health import Health

DAY_S = 86_400


class MemoryProviderSheet(ProviderSheet):
    """One process' own. `clock` is in seconds since the epoch; `chance` in [0, 1) spreads probes."""

    def __init__(self, clock: Callable[[], float] = time.time, chance: Callable[[], float] = lambda: 0.0) -> None:
        self._clock, self._chance = clock, chance
        self._breakers: dict[str, Breaker] = {}
        self._health: dict[str, Health] = {}
        self._probes: dict[str, float] = {}
        self._spent: dict[tuple[str, int], Spent] = {}

    def exchange(self, reports: Mapping[str, Report]) -> Mapping[str, Standing]:
        now = self._clock()
        for provider, report in reports.items():
            before = self._breakers.get(provider, Breaker())
            self._breakers[provider] = before.observe(
                now, calls=report.calls, failures=report.failures, tripped=report.tripped, chance=self._chance()
            )
            if before.state(now) is BreakerState.HALF_OPEN and report.calls:
                self._probes.pop(provider, None)
            self._health[provider] = self._health.get(provider, Health()).after(
                now, calls=report.calls, failures=report.failures, took_ms=report.took_ms
            )
        return {
            provider: Standing.at(now, self._breakers[provider], self._health[provider]) for provider in self._health
        }

    def take_probe(self, provider: str, within_s: float) -> bool:
        now = self._clock()
        if self._breakers.get(provider, Breaker()).state(now) is not BreakerState.HALF_OPEN:
            return False
        if now < self._probes.get(provider, 0.0):
            return False
        self._probes[provider] = now + within_s
        return True

    def reserve(self, provider: str, millipence_each: int, calls: int, cap_millipence: int) -> int:
        key = provider, int(self._clock() // DAY_S)
        spent = self._spent.get(key, Spent())
        covered = calls if not millipence_each else max(0, cap_millipence - spent.millipence) // millipence_each
        covered = min(calls, covered)
        self._spent[key] = Spent(millipence=spent.millipence + covered * millipence_each, calls=spent.calls + covered)
        return covered

    def give_back(self, provider: str, millipence_each: int, calls: int) -> None:
        key = provider, int(self._clock() // DAY_S)
        if spent := self._spent.get(key):
            self._spent[key] = Spent(
                millipence=max(0, spent.millipence - calls * millipence_each), calls=max(0, spent.calls - calls)
            )

    def spent(self) -> Mapping[str, Spent]:
        today = int(self._clock() // DAY_S)
        return {provider: spent for (provider, day), spent in self._spent.items() if day == today}
