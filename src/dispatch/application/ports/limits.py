"""Rate limits that all processes share: how much may go now, and when the rest may."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from dispatch.domain import gcra
from dispatch.domain.gcra import NS, Rate, Taken

KEEP_S = 120
"""A counter that has been full again for so long is removed (acceptance 3.11)."""
SHARE = 2
"""One call gets at most this part of the room, a half: whoever asks for 500 leaves some to who asks for one."""


class Limit(msgspec.Struct, frozen=True):
    """A rate under the name by which everybody counts it, such as `channel:sms`."""

    key: str
    rate: Rate


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """How many of those asked for may go, and when.

    The first `at_once` go after `delay_s`, each further one `interval_s` after the one before. Those that were not
    granted are asked for again after `ask_again_s`, which may be 0, because one call gets a part of the room only.
    `limited_by` is the key of the limit that holds up the most, empty when everything may go at once.
    """

    granted: int
    delay_s: float
    at_once: int
    interval_s: float
    ask_again_s: float
    limited_by: str = ""

    def starts_after_s(self, index: int) -> float:
        """How many seconds from now the granted one with this index, the first is 0, may go."""
        return self.delay_s + max(0, index + 1 - self.at_once) * self.interval_s


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one may pass now, and what its headers say; both come from the same moment (X19)."""

    allowed: bool
    limit: int
    remaining: int
    retry_after_s: float
    """0 where it is allowed."""
    reset_after_s: float
    """Until the whole limit is there again."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How full a limit is now: `taken` of what may go at once, and until when everything reserved has gone."""

    key: str
    taken: int
    free_after_s: float


class Limiter(Protocol):
    """Decides by GCRA (`domain/gcra.py`), atomically over all processes, on one clock.

    Every method raises LedgerUnavailable when there is nobody to decide.
    """

    def reserve(self, key: str, rate: Rate, n: int, horizon_s: float) -> Reservation:
        """Reserve up to n tokens of one limit, those at most `horizon_s` ahead of their time.

        What is reserved is taken, whether it is used or not. Use it no earlier than it says.
        """
        ...

    def reserve_all(self, limits: Sequence[Limit], n: int, horizon_s: float) -> Reservation:
        """Reserve the same up to n tokens of several limits in one step: from each the same number, or none from any.

        Nothing is given back, because nothing is taken that another limit refuses. Without limits all n are granted.
        """
        ...

    def check(self, key: str, rate: Rate) -> Decision:
        """Take one token now, or none."""
        ...

    def check_many(self, asked: Sequence[Limit]) -> list[Decision]:
        """As `check` for each in turn, in one step; the same key may be there several times."""
        ...

    def standings(self, limits: Sequence[Limit]) -> list[Standing]:
        """How full these limits are; nothing is taken."""
        ...

    def in_use(self, prefix: str, most: int) -> list[str]:
        """Keys with this beginning of which something is taken now, in their order; at most so many."""
        ...

    def forget(self) -> int:
        """Remove counters that have been full again for `KEEP_S` seconds; answers how many."""
        ...


def reservation(limits: Sequence[Limit], taken: Sequence[Taken], n: int, horizon_s: float) -> Reservation:
    """What the limits gave together, in seconds for the caller."""
    pace = gcra.pace(taken)
    granted = min(each.granted for each in taken)
    rest, horizon_ns = n - granted, round(horizon_s * NS)
    held_ns = max(gcra.asks_again_ns(each, rest, horizon_ns) for each in taken) if rest else 0
    if rest:
        rooms = [gcra.room(each.base_ns, each.now_ns, each.rate, horizon_ns) for each in taken]
        most, waits = min(range(len(taken)), key=rooms.__getitem__), True
    else:
        starts = [each.starts_after_ns(granted) for each in taken]
        most, waits = max(range(len(taken)), key=starts.__getitem__), any(starts)
    return Reservation(
        granted=granted,
        delay_s=pace.delay_ns / NS,
        at_once=pace.at_once,
        interval_s=pace.interval_ns / NS,
        ask_again_s=held_ns / NS,
        limited_by=limits[most].key if waits else "",
    )


def everything(n: int) -> Reservation:
    """Where there is no limit."""
    return Reservation(granted=n, delay_s=0.0, at_once=n, interval_s=0.0, ask_again_s=0.0)


def decisions(taken: Taken, asked: int) -> list[Decision]:
    """What the requests that asked together are told: the first ones pass, the others wait longer, each in its turn."""
    rate = taken.rate
    left = gcra.room(taken.tat_ns, taken.now_ns, rate)
    return [
        Decision(
            allowed=index < taken.granted,
            limit=rate.burst,
            remaining=left + max(0, taken.granted - 1 - index),
            retry_after_s=0.0 if index < taken.granted else taken.room_after_ns(1 + index - taken.granted, 0) / NS,
            reset_after_s=max(0, taken.tat_ns - taken.now_ns) / NS,
        )
        for index in range(asked)
    ]
