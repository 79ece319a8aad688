"""When a webhook is tried again: 0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, each 10 % sooner or later.

The schedule is that of the Standard Webhooks specification 1.0 ("Retry schedule"): about 28 hours in all.
"""

SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
JITTER = 0.1
RETRY_AFTER_MAX_S = 36_000
"""A receiver may ask for more time (RFC 9110, section 10.2.3), not for more than the longest pause of the schedule."""


def delay_s(attempts: int, chance: float, retry_after_s: float = 0.0) -> float | None:
    """Seconds until the attempt that follows so many failed ones; None when the schedule is spent.

    Args:
        attempts: how many were made.
        chance: from 0 to 1.
        retry_after_s: what the receiver asks for, 0 where it asks for nothing.
    """
    if attempts >= len(SCHEDULE_S):
        return None
    planned = SCHEDULE_S[attempts] * (1 - JITTER + 2 * JITTER * chance)
    return max(planned, min(retry_after_s, RETRY_AFTER_MAX_S))
