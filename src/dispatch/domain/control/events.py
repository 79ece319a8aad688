"""What has happened to a pause. Names and fields are stored: extend them, never rename."""

from datetime import datetime
from enum import StrEnum

import msgspec


class PauseScope(StrEnum):
    """What is paused. The first three are named, the others are all there is."""

    STAGE = "stage"
    PROVIDER = "provider"
    BATCH = "batch"
    INTAKE = "intake"
    EVERYTHING = "everything"


class PauseEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about the pause of one target; its id comes from the target."""

    pause_id: str
    at: datetime


class WorkPaused(PauseEvent, frozen=True, kw_only=True):
    """Nothing of it is taken up, until somebody resumes it or `until` is reached."""

    scope: PauseScope
    name: str  # Of the stage or provider, the id of the batch; empty for the others.
    by: str
    reason: str
    until: datetime | None


class WorkResumed(PauseEvent, frozen=True, kw_only=True):
    """It goes on. Where the time had come, `by` is `timers`."""

    scope: PauseScope
    name: str
    by: str


Event = WorkPaused | WorkResumed
