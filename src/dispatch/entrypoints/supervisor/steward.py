"""Hears what people ask of a running system: a thread that reads how many processes of each role are wanted."""

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType

import structlog

from dispatch.application.fleet import FleetDesk
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.processes import SEEN_EVERY_S, SUPERVISOR
from dispatch.entrypoints.presence import Presence
from dispatch.entrypoints.supervisor.crew import Crew

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5


class Steward:
    """Runs while the block runs. What was asked before `since`, a position of the ledger, was asked of another start.

    It waits for Postgres where the keeper must not: the keeper is who starts Postgres again.
    """

    def __init__(self, desk: FleetDesk, crews: Sequence[Crew], since: int) -> None:
        self._desk, self._since = desk, since
        self._crews: Mapping[str, Crew] = {crew.role: crew for crew in crews}
        self._presence = Presence(desk.processes, (SUPERVISOR,))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._attend, name="steward", daemon=True)

    def __enter__(self) -> "Steward":
        self._presence.say()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._presence.end()

    def _attend(self) -> None:
        looks = 0
        while not self._over.wait(LOOK_EVERY_S):
            try:
                looks += 1
                if looks % round(SEEN_EVERY_S / LOOK_EVERY_S) == 0:
                    self._presence.say()
                for asked in self._desk.book.asked():
                    if asked.position > self._since and asked.role in self._crews:
                        self._crews[asked.role].wanted = asked.processes
            except LedgerUnavailable:
                continue  # The last word counts.
            except Exception:  # Without a steward nobody could scale any more.
                log.exception("steward.failed")
