"""Limits that all processes share exactly: so many in so many seconds."""

from typing import Protocol

import msgspec


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """At most `per` in `seconds`, of which `burst` may go at once."""

    per: int
    seconds: float = 1.0
    burst: int = 1

    @property
    def interval_s(self) -> float:
        """From one to the next, in seconds."""
        return self.seconds / self.per


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """What was granted of what was asked for, and when it may be used."""

    granted: int
    first_after_s: float = 0.0  # The first may go after so many seconds (below 0: now, and some after it as well),
    interval_s: float = 0.0  # and each of the others so many after the one before it.
    retry_after_s: float = 0.0  # For the rest ask again after so many seconds.


class Limiter(Protocol):
    """A limit per key. Whoever reserves has it, whatever others do."""

    def reserve(self, key: str, rate: Rate, n: int, horizon_s: float) -> Reservation:
        """Take up to `n`, each at its time, none later than `horizon_s` seconds from now.

        Raises LedgerUnavailable: nothing is known to have been taken; a lost answer costs the rate that it took.
        """
        ...
