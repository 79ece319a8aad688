"""How the providers stand, as far as this process knows: what all workers have reported, and its own last calls."""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic

import msgspec

from dispatch.application.ports.provider_sheet import ProviderSheet, Report, Standing
from dispatch.domain.breaker import Breaker, BreakerState

REFRESH_EVERY_S = 0.5


class Closed(msgspec.Struct, frozen=True):
    """A provider that is not asked at present, and why. `may_probe`: one call may find out whether it is well again."""

    reason: str
    wait_s: float
    may_probe: bool = False


class Standings:
    """Gathers reports and hands them in at most every half second; opens on its own calls at once.

    `paused` names the providers that people have paused, with why. `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        sheet: ProviderSheet,
        *,
        probe_within_s: float = 30.0,
        paused: Callable[[], Mapping[str, str]] = dict,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._sheet, self._clock, self._paused = sheet, clock, paused
        self.probe_within_s = probe_within_s
        self._waiting: dict[str, Report] = {}
        self._shared: Mapping[str, Standing] = {}
        self._open_until: dict[str, float] = {}
        self._own: dict[str, Breaker] = {}
        self._refreshed_at = float("-inf")
        self._refreshing = asyncio.Lock()

    def report(self, provider: str, *, failed: bool, took_s: float, tripped: bool = False) -> None:
        """A call has ended."""
        before = self._waiting.get(provider, Report())
        self._waiting[provider] = Report(
            calls=before.calls + 1,
            failures=before.failures + failed,
            tripped=before.tripped or tripped,
            took_ms=before.took_ms + 1000 * took_s,
        )
        own = self._own.get(provider, Breaker())
        self._own[provider] = own.observe(self._clock(), calls=1, failures=int(failed), tripped=tripped)
        if self._is_probe(provider) or self._own[provider].open_until != own.open_until:
            self._refreshed_at = float("-inf")  # All others are to know at once.

    def closed(self, provider: str) -> Closed | None:
        """Why this provider is not asked now; None when it may be."""
        if why := self._paused().get(provider):
            return Closed(why, 5.0)
        now = self._clock()
        reason = f"breaker_open:{provider}"
        if now < (until := self._open_until.get(provider, 0.0)):
            return Closed(reason, until - now)
        if self._is_probe(provider):
            return Closed(reason, 1.0, may_probe=True)
        own = self._own.get(provider, Breaker())
        if own.state(now) is BreakerState.OPEN:
            return Closed(reason, own.open_until - now)
        return None

    async def refresh(self) -> None:
        """Hand in what has gathered and learn how all stand, if that is due. Raises LedgerUnavailable."""
        async with self._refreshing:
            if self._clock() - self._refreshed_at < REFRESH_EVERY_S:
                return
            reports, self._waiting = self._waiting, {}
            try:
                self._shared = await asyncio.to_thread(self._sheet.exchange, reports)
            except BaseException:
                for provider, report in reports.items():
                    self._waiting[provider] = _sum(report, self._waiting.get(provider, Report()))
                raise
            now = self._refreshed_at = self._clock()
            self._own = {}  # All of it is in what is shared now.
            self._open_until = {
                provider: now + standing.reopens_in_s
                for provider, standing in self._shared.items()
                if standing.state is BreakerState.OPEN
            }

    def _is_probe(self, provider: str) -> bool:
        standing = self._shared.get(provider)
        return standing is not None and (
            standing.state is BreakerState.HALF_OPEN
            or (standing.state is BreakerState.OPEN and self._clock() >= self._open_until.get(provider, 0.0))
        )


def _sum(first: Report, second: Report) -> Report:
    return Report(
        calls=first.calls + second.calls,
        failures=first.failures + second.failures,
        tripped=first.tripped or second.tripped,
        took_ms=first.took_ms + second.took_ms,
    )
