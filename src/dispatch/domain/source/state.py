"""What deciding about a source needs to know."""

from enum import StrEnum

import msgspec

from dispatch.domain.source.events import (
    Event,
    SourceAdded,
    SourceChecked,
    SourcePaused,
    SourceRemoved,
    SourceResumed,
)


class SourceStatus(StrEnum):
    """Is anything taken from it?"""

    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source as its events made it; without `added` there is none."""

    added: SourceAdded | None = None
    status: SourceStatus = SourceStatus.REMOVED
    found: SourceChecked | None = None  # The last thing.


def evolve(source: Source, event: Event) -> Source:
    """The source after this event."""
    match event:
        case SourceAdded():
            return Source(added=event, status=SourceStatus.ACTIVE)
        case SourcePaused():
            return msgspec.structs.replace(source, status=SourceStatus.PAUSED)
        case SourceResumed():
            return msgspec.structs.replace(source, status=SourceStatus.ACTIVE)
        case SourceRemoved():
            return msgspec.structs.replace(source, status=SourceStatus.REMOVED)
        case SourceChecked():
            return msgspec.structs.replace(source, found=event)
