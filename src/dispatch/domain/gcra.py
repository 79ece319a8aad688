"""How a rate limit decides: the generic cell rate algorithm (ITU-T I.371), which is a token bucket with one number.

The number is the theoretical arrival time of the next token (`tat_ns`). A bucket is full when it lies in the past; it
is ahead of now by one interval for each token that is taken and not yet refilled. Times are whole nanoseconds, and an
interval is rounded up, so that rounding never lets more through than the rate allows.
"""

from collections.abc import Sequence

import msgspec

NS = 1_000_000_000


class Rate(msgspec.Struct, frozen=True):
    """`per` tokens in each `seconds`, of which `burst` may go at one moment after a pause.

    In any time t at most `burst + per * t / seconds` pass. Raises ValueError: a number that is not above zero.
    """

    per: int
    seconds: float = 1.0
    burst: int = 1

    def __post_init__(self) -> None:
        if self.per < 1 or self.burst < 1 or self.seconds <= 0:
            raise ValueError("a rate needs per and burst of at least 1, and seconds above 0")

    @property
    def interval_ns(self) -> int:
        """The time in which one token comes back."""
        return max(1, -(-round(self.seconds * NS) // self.per))

    @property
    def burst_ns(self) -> int:
        """The time in which an empty bucket fills."""
        return self.burst * self.interval_ns


class Taken(msgspec.Struct, frozen=True):
    """What one limit gave at one moment: `granted` tokens, counted from `base_ns`, seen at `now_ns`."""

    rate: Rate
    base_ns: int
    now_ns: int
    granted: int

    @property
    def tat_ns(self) -> int:
        """What is kept of it."""
        return self.base_ns + self.granted * self.rate.interval_ns

    def starts_after_ns(self, number: int) -> int:
        """How long the token with this number, the first is 1, has to wait from now."""
        return max(0, self.base_ns + number * self.rate.interval_ns - self.rate.burst_ns - self.now_ns)

    def room_after_ns(self, tokens: int, horizon_ns: int) -> int:
        """How long until a next call finds room for so many."""
        held_ns = self.tat_ns + tokens * self.rate.interval_ns
        return max(0, held_ns - self.rate.burst_ns - horizon_ns - self.now_ns)


class Pace(msgspec.Struct, frozen=True):
    """When the granted tokens may go: `at_once` of them after `delay_ns`, each further one an interval later."""

    delay_ns: int
    at_once: int
    interval_ns: int


def room(tat_ns: int, now_ns: int, rate: Rate, horizon_ns: int = 0) -> int:
    """How many tokens can be had: now, or reserved within the horizon."""
    return max(0, (now_ns + rate.burst_ns + horizon_ns - max(tat_ns, now_ns)) // rate.interval_ns)


def portion(asked: int, room: int, share: int) -> int:
    """How many of those asked for one call gets: a part of the room, so that the next caller finds some as well."""
    return min(asked, max(1, room // share)) if room > 0 else 0


def take(tat_ns: int, now_ns: int, rate: Rate, asked: int, *, horizon_ns: int = 0, share: int = 1) -> Taken:
    """Take up to `asked` tokens, those within the horizon ahead of their time."""
    granted = portion(asked, room(tat_ns, now_ns, rate, horizon_ns), share)
    return Taken(rate, max(tat_ns, now_ns), now_ns, granted)


def pace(taken: Sequence[Taken]) -> Pace:
    """The one pace that keeps every limit of a call: no token before the time that any of them gives it.

    All have granted the same number. Raises ValueError: there is no limit.
    """
    granted = min(each.granted for each in taken)
    if granted == 0:
        return Pace(0, 0, 0)
    delay_ns = max(each.starts_after_ns(1) for each in taken)
    at_once = min(_started_within(each, delay_ns) for each in taken)
    return Pace(delay_ns, max(1, min(granted, at_once)), max(each.rate.interval_ns for each in taken))


def asks_again_ns(taken: Taken, rest: int, horizon_ns: int) -> int:
    """When the rest is to be asked for: a large one once half of the room is free; small ones get in between."""
    room_in_all = taken.rate.burst + horizon_ns // taken.rate.interval_ns
    return taken.room_after_ns(min(2 * rest - 1, max(1, room_in_all // 2)), horizon_ns)


def _started_within(taken: Taken, ns: int) -> int:
    return (taken.now_ns + ns + taken.rate.burst_ns - taken.base_ns) // taken.rate.interval_ns
