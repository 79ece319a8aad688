"""What may be asked about a pause."""

from datetime import datetime

import msgspec

from dispatch.domain.control.events import PauseScope


class PauseCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked about one target."""

    pause_id: str
    at: datetime
    scope: PauseScope
    name: str
    by: str


class PauseWork(PauseCommand, frozen=True, kw_only=True):
    """Take nothing of it up for now; with `until`, no longer than that."""

    reason: str
    until: datetime | None


class ResumeWork(PauseCommand, frozen=True, kw_only=True):
    """Go on. With `only_elapsed`, only where `until` is reached: the pause may have been prolonged meanwhile."""

    only_elapsed: bool = False


Command = PauseWork | ResumeWork
