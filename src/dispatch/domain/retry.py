"""When to try again: exponential backoff with jitter and a cap."""

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how soon a stage is tried again (acceptance S.03). Times are seconds."""

    attempts_max: int = 5
    delay_first_s: float = 1.0
    delay_cap_s: float = 60.0
    jitter_s: float = 0.25
    retry_after_cap_s: float = 3600.0

    def delay_s(self, attempt: int, chance: float, retry_after_s: float | None = None) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 1); `chance` in [0, 1) spreads the herd.

        A provider's Retry-After (RFC 9110, 10.2.3) wins over a shorter backoff, clamped to `retry_after_cap_s`.
        """
        backoff = min(self.delay_cap_s, self.delay_first_s * 2.0 ** min(attempt - 1, 30))
        if retry_after_s is not None:
            backoff = max(backoff, min(retry_after_s, self.retry_after_cap_s))
        return float(backoff + chance * self.jitter_s)

    def exhausted(self, attempt: int) -> bool:
        """Was that the last attempt allowed?"""
        return attempt >= self.attempts_max
