"""Limits in memory: for tests, and for a process alone."""

import threading
import time
from collections.abc import Callable

from dispatch.application.ports.limits import Limiter, Rate, Reservation
from dispatch.domain.gcra import take


class MemoryLimiter(Limiter):
    """One process' own. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._arrivals: dict[str, float] = {}
        self._lock = threading.Lock()

    def reserve(self, key: str, rate: Rate, n: int, horizon_s: float) -> Reservation:
        with self._lock:
            taken = take(
                self._arrivals.get(key, 0.0),
                self._clock(),
                n,
                interval_s=rate.interval_s,
                burst=rate.burst,
                horizon_s=horizon_s,
            )
            self._arrivals[key] = taken.arrival
        return Reservation(
            granted=taken.granted,
            first_after_s=taken.first_after_s,
            interval_s=rate.interval_s,
            retry_after_s=max(0.0, taken.next_after_s),
        )
