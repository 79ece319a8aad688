"""Who is there: the processes of the system, on all machines, as they say it themselves."""

from datetime import datetime
from typing import Protocol

import msgspec

SEEN_EVERY_S = 2.0
GONE_AFTER_S = 10.0
"""Who has not been seen for so long is not there any more: killed, or cut off."""
SUPERVISOR = "supervisor"
"""The role of a `dispatch up`, which starts and stops the processes of the others."""


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """A process that is there."""

    process_id: str
    roles: tuple[str, ...]
    host: str
    pid: int
    version: str
    started_at: datetime
    seen_at: datetime
    draining: bool  # Told to stop, and finishing what it has in hand.


class Processes(Protocol):
    """The list of those who are there. Losing it costs nothing: everybody says it again."""

    def seen(self, process: ProcessRow) -> None:
        """This process is there, at this moment of the list's own clock. Raises LedgerUnavailable."""
        ...

    def gone(self, process_id: str) -> None:
        """This process ends in good order. Raises LedgerUnavailable."""
        ...

    def present(self) -> list[ProcessRow]:
        """Everybody who was seen lately, by role and start. Raises LedgerUnavailable."""
        ...
