"""What all workers share about providers: how well they are, and what was spent on them today.

It is kept beside the ledger, not in it: it may be lost at any time, and fills again.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from dispatch.domain.breaker import Breaker, BreakerState
from dispatch.domain.health import Health


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one process that have ended since its last report."""

    calls: int = 0
    failures: int = 0
    tripped: bool = False  # The provider refuses us altogether.
    took_ms: float = 0.0  # All of them together.


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider stands with all workers."""

    state: BreakerState = BreakerState.CLOSED
    reopens_in_s: float = 0.0  # Until it may be asked again, where it is open.
    calls: int = 0  # In the window at hand.
    failures: int = 0
    score: float = 1.0  # Share of calls that went well, the last minute counting most; 1 while nothing is known.
    took_ms: float = 0.0  # A call's time, averaged in the same way.

    @classmethod
    def at(cls, now: float, breaker: Breaker, health: Health) -> "Standing":
        """As these values stand at this time, in seconds of their clock."""
        state = breaker.state(now)
        return cls(
            state=state,
            reopens_in_s=breaker.open_until - now if state is BreakerState.OPEN else 0.0,
            calls=breaker.calls,
            failures=breaker.failures,
            score=health.score,
            took_ms=health.took_ms,
        )


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent on one provider today (UTC)."""

    millipence: int = 0
    calls: int = 0


class ProviderSheet(Protocol):
    """Every method may raise LedgerUnavailable; asking again is harmless, but `reserve` may then have booked twice."""

    def exchange(self, reports: Mapping[str, Report]) -> Mapping[str, Standing]:
        """Add these reports, by provider; answers how every provider stands that was ever reported or asked about."""
        ...

    def take_probe(self, provider: str, within_s: float) -> bool:
        """Of all who ask while the breaker is half open, one is told to go ahead, until `within_s` seconds are over."""
        ...

    def reserve(self, provider: str, millipence_each: int, calls: int, cap_millipence: int) -> int:
        """Book up to so many calls against today's cap; answers how many are covered."""
        ...

    def give_back(self, provider: str, millipence_each: int, calls: int) -> None:
        """Take back what was booked for calls that were not made, or surely were not charged."""
        ...

    def spent(self) -> Mapping[str, Spent]:
        """What was booked today, by provider."""
        ...
