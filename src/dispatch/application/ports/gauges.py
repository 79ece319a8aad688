"""What the system measures of itself, for its zone."""

from collections.abc import Mapping
from typing import Protocol

from dispatch.domain.zone.events import Measure


class Gauges(Protocol):
    """The measures as they are now."""

    def measure(self) -> Mapping[Measure, float]:
        """Every measure. Raises LedgerUnavailable."""
        ...
