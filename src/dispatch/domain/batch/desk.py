"""The approval desk: which batches a person looks at first, and how urgent a batch is."""

from datetime import timedelta
from enum import StrEnum

import msgspec

from dispatch.domain.money import pounds
from dispatch.domain.rows import error_rate

LEVELS = 3
"""Level 1 is operations, 2 engineering, 3 leadership (acceptance 1.39)."""


class Priority(StrEnum):
    """How urgent a batch is among those that wait to be taken in."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class DeskRules(msgspec.Struct, frozen=True, kw_only=True):
    """When a batch waits for a person although its error budget holds; None switches a rule off.

    A share of refused rows above `warning_percent`, or accepted rows worth more than `value_pence_max` in all.
    """

    warning_percent: int | None = None
    value_pence_max: int | None = None
    answer_within: timedelta = timedelta(minutes=30)  # Per level (acceptance 1.39).
    other_person: bool = False  # Whoever brought the file may not approve it (the two-person rule).

    def reason(self, *, rows: int, rejected: int, value_pence: int) -> str:
        """Why a person has to look at this batch; empty where nobody has to."""
        reasons = []
        if self.warning_percent is not None and rejected * 100 > self.warning_percent * rows:
            rate = error_rate(rejected, rows)
            digits = next((n for n in range(1, 12) if round(rate, n) > self.warning_percent), 1)
            reasons.append(f"Error rate {rate:.{digits}f}% is above the warning rate {self.warning_percent}%")
        if self.value_pence_max is not None and value_pence > self.value_pence_max:
            reasons.append(f"Value {pounds(value_pence)} is above {pounds(self.value_pence_max)}")
        return "; ".join(reasons)
