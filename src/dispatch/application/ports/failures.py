"""What is asked of the read models about dead letters, their groups, and replays. No personal data."""

from datetime import datetime
from typing import Any, Protocol

import msgspec

from dispatch.domain.failures import Severity
from dispatch.domain.replay.events import Picked, ReplayAction, Selection
from dispatch.domain.replay.state import ReplayStatus


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that failed for good in the same way; open of them wait for a person now."""

    fingerprint: str
    stage: str
    provider: str
    code: str
    message: str  # Normalised: what differs from job to job is left out.
    severity: Severity
    open: int
    total: int  # Times that a job came before a person so.
    first_seen: datetime
    last_seen: datetime
    oldest_open_at: datetime | None
    sample_job_id: str  # One that is open; empty when none is.


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A job whose retries are spent, or that was given up, and that nobody has resolved."""

    job_id: str
    version: int
    batch_id: str
    fingerprint: str
    stage: str
    code: str
    escalated_at: datetime


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """How many there are, and since when the oldest one is."""

    open: int
    oldest_at: datetime | None


class ReplayRow(msgspec.Struct, frozen=True, kw_only=True):
    """A replay and how far it is. `results` sum up to `done`; `done` to `counted` when it is completed."""

    replay_id: str
    action: ReplayAction
    stage: str
    selection: dict[str, Any]
    counted: int
    done: int
    per_second: float
    requested_by: str
    reason: str
    status: ReplayStatus
    results: dict[str, int]
    requested_at: datetime
    changed_at: datetime
    stopped_by: str
    stop_reason: str


class ReplayItem(msgspec.Struct, frozen=True, kw_only=True):
    """A job of a replay: `done`, what stood in the way, or nothing while its turn is to come."""

    number: int
    job_id: str
    result: str


class Failures(Protocol):
    """Read-model queries; every list is bounded. Each raises ViewsUnavailable when the database does not answer."""

    def groups(self, *, only_open: bool = True, limit: int = 100) -> list[FailureGroup]:
        """Those with most open jobs first, then the newest."""
        ...

    def group(self, fingerprint: str) -> FailureGroup | None: ...

    def fingerprints(self, beginning: str, *, limit: int = 2) -> list[str]:
        """Of groups whose fingerprint begins so; two show that it is not one."""
        ...

    def dead_letters(self, selection: Selection, *, limit: int = 100, after: str | None = None) -> list[DeadLetter]:
        """Open ones in the order of their job ids; `after` continues behind a job id."""
        ...

    def pick(self, selection: Selection, *, limit: int) -> list[Picked]:
        """The open dead letters to which this applies, in the order of their job ids."""
        ...

    def depth(self) -> Depth:
        """Of the open dead letters."""
        ...

    def overdue(self) -> Depth:
        """Jobs whose time to move on, by themselves or after a retry, is over, and since when the oldest one's is."""
        ...

    def replays(self, *, limit: int = 50) -> list[ReplayRow]:
        """The newest first."""
        ...

    def replay(self, replay_id: str) -> ReplayRow | None: ...

    def replay_ids(self, beginning: str, *, limit: int = 2) -> list[str]:
        """As `fingerprints`, of replays."""
        ...

    def running_replays(self) -> list[str]:
        """The ids of those that have jobs to come, the oldest first."""
        ...

    def replay_items(
        self, replay_id: str, *, limit: int = 100, after: int = -1, result: str | None = None
    ) -> list[ReplayItem]:
        """In the order of their numbers; `after` continues behind a number."""
        ...
