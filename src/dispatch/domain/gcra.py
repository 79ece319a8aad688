"""The generic cell rate algorithm (ITU-T I.371, annex A): a rate limit whose whole state is one time.

Times are seconds of any one clock. The state is the theoretical arrival time of the next call.
"""

import math
from typing import NamedTuple

ROUNDING = 1e-9


class Taken(NamedTuple):
    """What is granted, and the state afterwards."""

    granted: int
    first_after_s: float  # When the first may go, from now; below zero by what of a burst is left.
    next_after_s: float  # When the one behind the last granted could go.
    arrival: float


def take(arrival: float, now: float, n: int, *, interval_s: float, burst: int, horizon_s: float) -> Taken:
    """Grant up to `n` calls, one every `interval_s`, of which `burst` may go at once, none later than `horizon_s`.

    The call in place i (from 0) may go `first_after_s + i * interval_s` seconds from now, or now where that is below 0.
    """
    tolerance_s = (burst - 1) * interval_s
    ahead_s = max(0.0, arrival - now)
    fitting = math.floor((horizon_s + tolerance_s - ahead_s) / interval_s + ROUNDING) + 1
    granted = max(0, min(n, fitting))
    first_after_s = ahead_s - tolerance_s
    return Taken(granted, first_after_s, first_after_s + granted * interval_s, now + ahead_s + granted * interval_s)
