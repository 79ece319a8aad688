"""How well a provider has done lately: shares and times that fade, the last minute counting most."""

import math

import msgspec

FADES_IN_S = 60.0
"""After so long an observation counts 1/e of a new one."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Exponentially weighted sums. `at` is the time of the last one, in seconds."""

    at: float = 0.0
    weight: float = 0.0  # Calls, faded.
    failed: float = 0.0  # Failures, faded.
    took: float = 0.0  # Milliseconds, faded.

    def after(self, now: float, *, calls: int, failures: int, took_ms: float) -> "Health":
        """With so many more calls, which took `took_ms` milliseconds together."""
        fading = math.exp(-max(0.0, now - self.at) / FADES_IN_S) if self.weight else 0.0
        return Health(
            at=now,
            weight=self.weight * fading + calls,
            failed=self.failed * fading + failures,
            took=self.took * fading + took_ms,
        )

    @property
    def score(self) -> float:
        """The share of calls that went well, 0 to 1; 1 while nothing is known."""
        return 1.0 - self.failed / self.weight if self.weight else 1.0

    @property
    def took_ms(self) -> float:
        """A call's time in milliseconds; 0 while nothing is known."""
        return self.took / self.weight if self.weight else 0.0
