"""When to stop asking a provider that fails, and when to try it again: a circuit breaker as a value.

The pattern is that of M. Nygard, Release It!, 2nd edition, 5.2. Times are seconds of any one clock.
"""

from enum import StrEnum

import msgspec
from msgspec.structs import replace


class BreakerState(StrEnum):
    """May the provider be asked?"""

    CLOSED = "closed"  # It may.
    OPEN = "open"  # Nobody asks it.
    HALF_OPEN = "half_open"  # One call at a time finds out whether it is well again.


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Opens when this share of at least so many calls of a window has failed; waits longer each time in a row."""

    window_s: float = 30.0
    calls_min: int = 20
    failure_share: float = 0.5
    pause_first_s: float = 5.0
    pause_max_s: float = 60.0
    jitter_share: float = 0.2  # Of the pause, on top of it, so that probes of many do not meet.


USUAL = BreakerPolicy()


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the provider's health. `open_until` is 0 while it is closed."""

    window_at: float = 0.0
    calls: int = 0
    failures: int = 0
    open_until: float = 0.0
    opened: int = 0  # How often in a row, without a success between.

    def state(self, now: float) -> BreakerState:
        """Where it stands at this time."""
        if not self.open_until:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self.open_until else BreakerState.HALF_OPEN

    def observe(
        self,
        now: float,
        *,
        calls: int,
        failures: int,
        tripped: bool = False,
        chance: float = 0.0,
        policy: BreakerPolicy = USUAL,
    ) -> "Breaker":
        """After so many more calls. `tripped`: it refuses us altogether, as with a wrong key; no more are needed.

        `chance` in [0, 1) spreads the time of the next probe.
        """
        if not calls and not tripped:
            return self
        match self.state(now):
            case BreakerState.OPEN:
                return self  # Late answers of calls from before it opened.
            case BreakerState.HALF_OPEN:
                return self._open(now, chance, policy) if tripped or failures else Breaker(window_at=now)
            case BreakerState.CLOSED:
                fresh = now - self.window_at > policy.window_s
                counted = replace(
                    self,
                    window_at=now if fresh else self.window_at,
                    calls=calls if fresh else self.calls + calls,
                    failures=failures if fresh else self.failures + failures,
                )
                enough = counted.calls >= policy.calls_min
                fails = counted.failures >= policy.failure_share * counted.calls
                return counted._open(now, chance, policy) if tripped or (enough and fails) else counted

    def _open(self, now: float, chance: float, policy: BreakerPolicy) -> "Breaker":
        pause_s = min(policy.pause_max_s, policy.pause_first_s * 2.0 ** min(self.opened, 30))
        pause_s *= 1 + chance * policy.jitter_share
        return Breaker(
            window_at=now, calls=self.calls, failures=self.failures, open_until=now + pause_s, opened=self.opened + 1
        )
