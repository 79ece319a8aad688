"""What deciding about a replay needs to know."""

from collections import Counter
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from dispatch.domain.replay.events import (
    Event,
    Picked,
    ReplayCompleted,
    ReplayItemsPicked,
    ReplayProgressed,
    ReplayRequested,
    ReplayStopped,
)


class ReplayStatus(StrEnum):
    """Where a replay stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    COMPLETED = "completed"


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay as its events made it; `status` is None before it was asked for."""

    status: ReplayStatus | None = None
    requested: ReplayRequested | None = None
    items: tuple[Picked, ...] = ()
    done: int = 0  # So many of the items are reported.
    results: dict[str, int] = {}
    moved_at: datetime | None = None  # When it was asked for, or went on last.


def evolve(replay: Replay, event: Event) -> Replay:
    """The replay after this event."""
    match event:
        case ReplayRequested():
            return Replay(status=ReplayStatus.RUNNING, requested=event, moved_at=event.at)
        case ReplayItemsPicked(items=items):
            return replace(replay, items=replay.items + items)
        case ReplayProgressed(items=items):
            results = Counter(replay.results)
            results.update(item.result for item in items)
            return replace(replay, done=replay.done + len(items), results=dict(results), moved_at=event.at)
        case ReplayStopped():
            return replace(replay, status=ReplayStatus.STOPPED)
        case ReplayCompleted():
            return replace(replay, status=ReplayStatus.COMPLETED)
