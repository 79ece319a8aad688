"""Rate limits in memory: for unit tests and simulations of one process."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from dispatch.application.ports.limits import (
    KEEP_S,
    SHARE,
    Decision,
    Limit,
    Reservation,
    Standing,
    decisions,
    everything,
    reservation,
)
from dispatch.domain import gcra
from dispatch.domain.gcra import NS, Rate, Taken


class MemoryLimiter:
    """Implements the port `Limiter`; what it holds is gone with the process."""

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._tats: dict[str, int] = {}
        self._lock = threading.Lock()

    def reserve(self, key: str, rate: Rate, n: int, horizon_s: float) -> Reservation:
        return self.reserve_all([Limit(key, rate)], n, horizon_s)

    def reserve_all(self, limits: Sequence[Limit], n: int, horizon_s: float) -> Reservation:
        if not limits:
            return everything(n)
        horizon_ns = round(horizon_s * NS)
        with self._lock:
            now_ns = self._clock_ns()
            seen = [(limit, self._tats.get(limit.key, 0)) for limit in limits]
            granted = min(
                gcra.take(tat_ns, now_ns, limit.rate, n, horizon_ns=horizon_ns, share=SHARE).granted
                for limit, tat_ns in seen
            )
            taken = [Taken(limit.rate, max(tat_ns, now_ns), now_ns, granted) for limit, tat_ns in seen]
            self._tats.update({limit.key: each.tat_ns for limit, each in zip(limits, taken, strict=True)})
        return reservation(limits, taken, n, horizon_s)

    def check(self, key: str, rate: Rate) -> Decision:
        return self.check_many([Limit(key, rate)])[0]

    def check_many(self, asked: Sequence[Limit]) -> list[Decision]:
        with self._lock:
            told = {limit: iter(self._check(limit, count)) for limit, count in Counter(asked).items()}
        return [next(told[limit]) for limit in asked]

    def standings(self, limits: Sequence[Limit]) -> list[Standing]:
        with self._lock:
            now_ns = self._clock_ns()
            ahead = [max(0, self._tats.get(limit.key, 0) - now_ns) for limit in limits]
        return [
            Standing(key=limit.key, taken=-(-ns // limit.rate.interval_ns), free_after_s=ns / NS)
            for limit, ns in zip(limits, ahead, strict=True)
        ]

    def in_use(self, prefix: str, most: int) -> list[str]:
        with self._lock:
            now_ns = self._clock_ns()
            return sorted(key for key, tat_ns in self._tats.items() if key.startswith(prefix) and tat_ns > now_ns)[
                :most
            ]

    def forget(self) -> int:
        with self._lock:
            before, oldest = len(self._tats), self._clock_ns() - KEEP_S * NS
            self._tats = {key: tat_ns for key, tat_ns in self._tats.items() if tat_ns >= oldest}
            return before - len(self._tats)

    def _check(self, limit: Limit, count: int) -> list[Decision]:
        taken = gcra.take(self._tats.get(limit.key, 0), self._clock_ns(), limit.rate, count)
        self._tats[limit.key] = taken.tat_ns
        return decisions(taken, count)
