"""The rules of scaling."""

import msgspec

from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from dispatch.domain.fleet.commands import Command
from dispatch.domain.fleet.events import Event, RoleScaled

PROCESSES_MAX = 64
REASON_CHARACTERS_MAX = 500


class ProcessesOutOfRange(DomainError):
    """There are from 0 to 64 processes of a role."""

    code = "processes_out_of_range"


class ScaleReasonTooLong(DomainError):
    """The reason for scaling has at most 500 characters."""

    code = "scale_reason_too_long"


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """The processes of a role as people have asked for them."""

    last: RoleScaled | None = None


def decide(command: Command, fleet: Fleet) -> list[Event]:
    """Recorded each time it is asked: a start of the system begins with its settings, whatever was asked before it.

    Raises:
        ProcessesOutOfRange, ScaleReasonTooLong: the command breaks a rule.
    """
    if not 0 <= command.processes <= PROCESSES_MAX:
        raise ProcessesOutOfRange(command.processes)
    if len(command.reason) > REASON_CHARACTERS_MAX:
        raise ScaleReasonTooLong
    if fleet.last is not None and fleet.last.at == command.at:
        return []  # The same command, once more.
    return [
        RoleScaled(
            fleet_id=command.fleet_id,
            at=command.at,
            role=command.role,
            processes=command.processes,
            by=command.by,
            reason=command.reason,
        )
    ]


def evolve(_: Fleet, event: Event) -> Fleet:
    """The fleet after this event."""
    return Fleet(last=event)


decider: Decider[Command, Event, Fleet] = Decider(initial=Fleet, decide=decide, evolve=evolve)
