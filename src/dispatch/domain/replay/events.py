"""What has happened to a replay. Names and fields are stored: extend them, never rename."""

from datetime import datetime
from enum import StrEnum

import msgspec


class ReplayAction(StrEnum):
    """What is done to each dead letter."""

    RETRY = "retry"
    DROP = "drop"
    ARCHIVE = "archive"
    REROUTE = "reroute"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters: those to which all of this applies; what is empty applies to all."""

    fingerprint: str = ""
    stage: str = ""
    code: str = ""
    batch_id: str = ""
    since: datetime | None = None  # Escalated then or later.

    @property
    def is_everything(self) -> bool:
        """Does it leave out nothing at all?"""
        return self == Selection()


class Picked(msgspec.Struct, frozen=True, gc=False):
    """One dead letter of a selection: a job, and the version of its stream that brought it before a person."""

    job_id: str
    version: int


class Reported(msgspec.Struct, frozen=True, gc=False):
    """What came of one job: `done`, or the code of what stood in the way."""

    job_id: str
    result: str


class ReplayEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about one replay."""

    replay_id: str
    at: datetime


class ReplayRequested(ReplayEvent, frozen=True, kw_only=True):
    """So many dead letters were counted, and this is to be done to each."""

    action: ReplayAction
    selection: Selection
    counted: int
    by: str
    reason: str
    per_second: float  # At most so many jobs a second.
    stage: str = ""  # Where a rerouted job goes on.


class ReplayItemsPicked(ReplayEvent, frozen=True, kw_only=True):
    """Dead letters of the replay, at most 500 in an event; `first` is the number of the first one, from 0."""

    first: int
    items: tuple[Picked, ...]


class ReplayProgressed(ReplayEvent, frozen=True, kw_only=True):
    """What came of the next jobs, at most 500 in an event; `first` is the number of the first one, from 0."""

    first: int
    items: tuple[Reported, ...]


class ReplayStopped(ReplayEvent, frozen=True, kw_only=True):
    """A person stopped it: what was not done yet is left as it is."""

    by: str
    reason: str
    results: dict[str, int]
    left: int


class ReplayCompleted(ReplayEvent, frozen=True, kw_only=True):
    """Every job of it is reported; `results` sum up to those that were counted."""

    results: dict[str, int]


Event = ReplayRequested | ReplayItemsPicked | ReplayProgressed | ReplayStopped | ReplayCompleted
