"""The rule of zones: a change is recorded once."""

import msgspec

from dispatch.domain.decider import Decider
from dispatch.domain.zone.commands import Command
from dispatch.domain.zone.events import Event, Zone, ZoneChanged


class Current(msgspec.Struct, frozen=True, kw_only=True):
    """The zone as it was recorded last; a system begins in green."""

    zone: Zone = Zone.GREEN


def decide(command: Command, current: Current) -> list[Event]:
    """The change that this command makes; none where the zone is the recorded one."""
    if command.zone is current.zone:
        return []
    return [
        ZoneChanged(
            zone_id=command.zone_id,
            at=command.at,
            zone=command.zone,
            before=current.zone,
            readings=command.readings,
        )
    ]


def evolve(_: Current, event: Event) -> Current:
    """The zone after this event."""
    return Current(zone=event.zone)


decider: Decider[Command, Event, Current] = Decider(initial=Current, decide=decide, evolve=evolve)
