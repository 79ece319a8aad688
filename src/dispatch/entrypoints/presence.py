"""Says that this process is there, as whom, and since when."""

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from dispatch import __version__
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.processes import SEEN_EVERY_S, Processes, ProcessRow


class Presence:
    """One process in the list of processes. Without Postgres it is not seen, and works on as it can."""

    def __init__(self, processes: Processes, roles: Sequence[str]) -> None:
        now = datetime.now(UTC)
        self._processes = processes
        self._said_at = float("-inf")
        self._row = ProcessRow(
            process_id=str(uuid4()),
            roles=tuple(roles),
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            started_at=now,
            seen_at=now,
            draining=False,
        )

    def say(self, *, draining: bool = False) -> None:
        """This process is there; with `draining` it takes nothing new. It may be asked too often."""
        turned = draining is not self._row.draining
        if not turned and time.monotonic() - self._said_at < SEEN_EVERY_S / 2:
            return
        self._row = msgspec.structs.replace(self._row, draining=draining)
        with suppress(LedgerUnavailable):
            self._processes.seen(self._row)
            self._said_at = time.monotonic()

    def end(self) -> None:
        """This process ends; one that cannot say so is missed ten seconds later."""
        with suppress(LedgerUnavailable):
            self._processes.gone(self._row.process_id)
