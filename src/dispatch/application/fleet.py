"""How many processes of a role there are to be: asked by people, carried out by whoever starts processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from dispatch.application.handle import handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.application.ports.processes import SUPERVISOR, Processes
from dispatch.domain import identity
from dispatch.domain.errors import DomainError
from dispatch.domain.fleet.commands import ScaleRole
from dispatch.domain.fleet.decide import decider
from dispatch.domain.fleet.events import Scalable


class NobodyScales(DomainError):
    """No `dispatch up` runs on this database, so nobody would start or stop processes."""

    code = "nobody_scales"


class ScaleRow(msgspec.Struct, frozen=True, kw_only=True):
    """The last that was asked about a role."""

    role: Scalable
    processes: int
    by: str
    reason: str
    at: datetime
    position: int  # Of the event in the ledger.


class ScaleBook(Protocol):
    """What was asked."""

    def asked(self) -> Sequence[ScaleRow]:
        """The last of each role. Raises LedgerUnavailable."""
        ...


class RoleCount(msgspec.Struct, frozen=True, kw_only=True):
    """The processes of a role that are there, those apart that are finishing."""

    role: str
    running: int
    draining: int


@dataclass(frozen=True)
class FleetDesk:
    """Scales roles, and tells who is there."""

    ledger: EventLedger
    book: ScaleBook
    processes: Processes
    clock: Clock

    def scale(self, role: Scalable, processes: int, *, by: str, reason: str = "") -> None:
        """Ask for so many processes of a role; every `dispatch up` on this database follows within seconds.

        Raises:
            NobodyScales: there is none.
            ProcessesOutOfRange, ScaleReasonTooLong, LedgerUnavailable.
        """
        if not any(SUPERVISOR in process.roles for process in self.processes.present()):
            raise NobodyScales
        fleet_id, at = identity.fleet_id(role.value), self.clock()
        command = ScaleRole(fleet_id=fleet_id, at=at, role=role, processes=processes, by=by, reason=reason.strip())
        cause = Cause(command_id=identity.command_id(fleet_id, "ScaleRole", at), correlation_id=fleet_id, actor=by)
        handle(self.ledger, decider, fleet_id, command, cause)

    def count(self) -> list[RoleCount]:
        """How many processes play each role, by its name. Raises LedgerUnavailable."""
        present = self.processes.present()
        roles = sorted({role for process in present for role in process.roles})
        return [
            RoleCount(
                role=role,
                running=sum(role in process.roles and not process.draining for process in present),
                draining=sum(role in process.roles and process.draining for process in present),
            )
            for role in roles
        ]
