"""Watches in which zone the system is, and records when that changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from dispatch.application.handle import handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.gauges import Gauges
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.domain import identity
from dispatch.domain.zone.commands import RecordZone
from dispatch.domain.zone.decide import decider
from dispatch.domain.zone.events import Measure, Reading, Zone, ZoneChanged
from dispatch.domain.zone.judging import SEVERITY, Limits, read, worst

BETTER_AFTER_LOOKS = 6
"""Worse is recorded at once, better when so many looks in a row say so: a zone that flickers tells nobody anything."""


class ZoneChange(msgspec.Struct, frozen=True, kw_only=True):
    """When the zone changed, from what to what, and why."""

    at: datetime
    zone: Zone
    before: Zone
    readings: tuple[Reading, ...]


class ZoneNow(msgspec.Struct, frozen=True, kw_only=True):
    """The zone that was recorded last, and the measures as they are at this moment."""

    zone: Zone
    since: datetime | None  # None: since ever.
    readings: tuple[Reading, ...]


class ZoneBook(Protocol):
    """The changes of the zone."""

    def changes(self, *, limit: int = 20) -> list[ZoneChange]:
        """The newest first. Raises LedgerUnavailable."""
        ...


@dataclass
class Watchdog:
    """Shows the zone to anybody, and records its changes for whoever calls `look` again and again."""

    ledger: EventLedger
    gauges: Gauges
    book: ZoneBook
    limits: Mapping[Measure, Limits]
    clock: Clock
    _recorded: Zone | None = field(default=None, init=False)
    _better: int = field(default=0, init=False)

    def last(self) -> ZoneChange | None:
        """The last change; None while the zone was always GREEN. Raises LedgerUnavailable."""
        return next(iter(self.book.changes(limit=1)), None)

    def now(self) -> ZoneNow:
        """The zone and its measures. Raises LedgerUnavailable."""
        last = self.last()
        return ZoneNow(
            zone=last.zone if last else Zone.GREEN,
            since=last.at if last else None,
            readings=read(self.gauges.measure(), self.limits),
        )

    def look(self) -> ZoneChanged | None:
        """Measure, and record the zone where it has changed; answers the change. Raises LedgerUnavailable."""
        readings, zone_id = read(self.gauges.measure(), self.limits), identity.zone_id()
        zone = worst(readings)
        if self._recorded is None:
            self._recorded = decider.fold(self.ledger.load(zone_id).events).zone  # type: ignore[arg-type]
        self._better = self._better + 1 if SEVERITY[zone] < SEVERITY[self._recorded] else 0
        if zone is self._recorded or 0 < self._better < BETTER_AFTER_LOOKS:
            return None
        at = self.clock()
        command = RecordZone(zone_id=zone_id, at=at, zone=zone, readings=readings)
        cause = Cause(command_id=identity.command_id(zone_id, zone, at), correlation_id=zone_id, actor="watchdog")
        changes = handle(self.ledger, decider, zone_id, command, cause)
        self._recorded, self._better = zone, 0
        return changes[0] if changes else None
