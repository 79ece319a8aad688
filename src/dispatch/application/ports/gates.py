"""Gates: what is closed at present, and why."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from dispatch.domain.control.events import PauseScope


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Why something is not taken up: who closed it, when, until when at most. No `until`: until it is opened."""

    reason: str
    by: str
    since: datetime
    until: datetime | None = None


class Gates(Protocol):
    """Whatever closes stages, providers, batches, the intake or everything."""

    def closed(self) -> Mapping[str, Gate]:
        """The closed gates by `gate_key`; one whose `until` is reached is open. Raises LedgerUnavailable."""
        ...


def gate_key(scope: PauseScope, name: str = "") -> str:
    """`stage:verify`, `provider:main`, `batch:<id>`, `intake` or `everything`."""
    return f"{scope.value}:{name}" if name else scope.value
