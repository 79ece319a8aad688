"""What deciding about a pause needs to know."""

from datetime import datetime

import msgspec

from dispatch.domain.control.events import Event, WorkPaused, WorkResumed


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause as its events made it; `paused` is None while its target runs."""

    paused: WorkPaused | None = None

    def has_elapsed(self, at: datetime) -> bool:
        """Has it reached its `until` at this time?"""
        return self.paused is not None and self.paused.until is not None and self.paused.until <= at


def evolve(_: Pause, event: Event) -> Pause:
    """The pause after this event."""
    match event:
        case WorkPaused():
            return Pause(paused=event)
        case WorkResumed():
            return Pause()
