"""What may be asked of a replay."""

from datetime import datetime

import msgspec

from dispatch.domain.replay.events import Picked, ReplayAction, Reported, Selection


class ReplayCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A request about one replay, made at a time that it carries itself."""

    replay_id: str
    at: datetime


class RequestReplay(ReplayCommand, frozen=True, kw_only=True):
    """Do this to these dead letters, at most so many a second."""

    action: ReplayAction
    selection: Selection
    items: tuple[Picked, ...]
    by: str
    reason: str
    per_second: float
    stage: str = ""


class RecordProgress(ReplayCommand, frozen=True, kw_only=True):
    """What came of the jobs from number `first` on."""

    first: int
    items: tuple[Reported, ...]


class StopReplay(ReplayCommand, frozen=True, kw_only=True):
    """Do nothing more of it."""

    by: str
    reason: str


Command = RequestReplay | RecordProgress | StopReplay
