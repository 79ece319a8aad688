"""What the doors ask of the read models: rows as they are shown, never personal data."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from dispatch.application.ports.sources import SourceRow
from dispatch.domain.batch.desk import Priority
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.state import JobStatus


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A batch and how far it is. rows = accepted + rejected + duplicates; jobs = open + escalated + ended ones."""

    batch_id: str
    run: int
    file_name: str
    file_hash: str
    file_bytes: int
    profile: str
    received_by: str = ""
    status: BatchStatus
    error_threshold_percent: int
    rejection_code: str
    rejection_reason: str
    rows: int
    accepted: int
    rejected: int
    duplicates: int
    jobs: int
    delivered: int
    blocked: int
    cancelled: int
    escalated: int
    errors_by_code: dict[str, int]
    parse_duration_ms: int
    db_duration_ms: int
    received_at: datetime
    judged_at: datetime | None
    admitted_at: datetime | None
    closed_at: datetime | None
    ids_from: datetime  # The ids of its jobs begin with this moment: it was received then, or reset.
    priority: Priority = Priority.NORMAL
    value_pence: int = 0  # Of the accepted rows.
    stopped_at_row: int = 0  # Where judging stopped; 0: every row was judged.
    approval_reason: str = ""
    approval_level: int = 0
    approval_due_at: datetime | None = None
    decided_by: str = ""  # Who approved or rejected it.
    corrections: int = 0
    corrections_judged: int = 0
    repaired: int = 0  # Rows that corrections have mended after the batch was admitted.
    resets: int = 0
    archived: int = 0  # Dead letters that a person put aside.

    @property
    def running(self) -> int:
        """Jobs that neither ended nor wait for a person."""
        return self.jobs - self.delivered - self.blocked - self.cancelled - self.archived - self.escalated


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job and where it stands."""

    job_id: str
    batch_id: str
    row: int
    reference: str
    service: str
    price_pence: int
    status: JobStatus
    stage: str
    attempts: int
    error_code: str
    opened_at: datetime
    changed_at: datetime
    due_at: datetime | None
    version: int


class RowErrorRow(msgspec.Struct, frozen=True, kw_only=True):
    """One refused value of a batch."""

    batch_id: str
    row: int
    line: int
    column: str
    code: str
    found: str
    expected: str
    fix: str


class EscalationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is before a person."""

    job_id: str
    batch_id: str
    stage: str
    reason: str
    opened_at: datetime
    priority: str  # NORMAL, HIGH over 24 h, CRITICAL over 48 h (acceptance S.01).
    provider: str = ""
    level: int = 1
    since: datetime  # For so long this level, or whoever has it, has had it.
    assignee: str = ""
    snoozed_until: datetime | None = None


class StageProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs of a batch came to a stage and what became of them there."""

    stage: str
    entered: int
    completed: int
    failed_attempts: int
    retries: int
    escalated: int
    blocked: int


class StageHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What is at a stage now, and how old the oldest of it is (acceptance 1.10)."""

    stage: str
    running: int
    waiting: int
    escalated: int
    completed: int
    failed_attempts: int
    oldest_age_s: float
    retries: int = 0


class ViewPosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a read model has followed the ledger."""

    view: str
    version: int
    position: int


class JobTotals(msgspec.Struct, frozen=True, kw_only=True):
    """All jobs of all batches, and all notifications, by where they stand; the seven sum up to every job."""

    running: int
    waiting: int
    escalated: int
    blocked: int
    delivered: int
    cancelled: int
    archived: int


class ViewsUnavailable(Exception):
    """The read models cannot be reached; asking again is safe."""


class DueJob(msgspec.Struct, frozen=True):
    """A job whose due time has come at a stage."""

    job_id: str
    stage: str
    priority: JobPriority = JobPriority.NORMAL


class Queries(Protocol):
    """Read-model queries; every list is bounded. Each raises ViewsUnavailable when the database does not answer."""

    def batches(
        self, *, limit: int = 50, before: datetime | None = None, status: BatchStatus | None = None
    ) -> list[BatchRow]:
        """Newest first; with `status` only those that stand so."""
        ...

    def approvals(self, *, limit: int = 100) -> list[BatchRow]:
        """Batches that wait for a person's approval, the most urgent first: the highest level, then the deadline."""
        ...

    def batch(self, batch_id: str) -> BatchRow | None: ...

    def batch_ids(self, beginning: str, *, limit: int = 2) -> list[str]:
        """Of batches whose id begins with these hex digits (hyphens do not count); two show that it is not one."""
        ...

    def row_errors(self, batch_id: str, *, limit: int = 100, after_row: int = 0) -> list[RowErrorRow]:
        """In the order of the rows; `after_row` continues behind a row."""
        ...

    def jobs(
        self,
        *,
        batch_id: str | None = None,
        status: JobStatus | None = None,
        stage: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> list[JobRow]:
        """In the order of their ids, which is that of their opening; `after` continues behind a job id."""
        ...

    def job(self, job_id: str) -> JobRow | None: ...

    def jobs_ahead(self, job_id: str) -> int:
        """How many jobs of its priority came to its stage before it, and are still there; 0 for one that is nowhere."""
        ...

    def job_ids(self, beginning: str, *, limit: int = 2) -> list[str]:
        """As `batch_ids`, of jobs."""
        ...

    def escalations(
        self,
        *,
        limit: int = 100,
        assignee: str | None = None,
        level: int | None = None,
        priority: str | None = None,
        snoozed: bool | None = None,
    ) -> list[EscalationRow]:
        """Open ones, the most urgent first: CRITICAL before HIGH before NORMAL, the oldest of each first.

        An empty `assignee` asks for those that nobody has; `snoozed` for those put off to a later time, or the others.
        """
        ...

    def escalation(self, job_id: str) -> EscalationRow | None:
        """The open one of this job."""
        ...

    def overdue_escalations(
        self, now: datetime, answer_within: timedelta, levels: int, *, limit: int = 100
    ) -> list[EscalationRow]:
        """Open ones below the last level that nobody answered in time and nobody has put off, the oldest first."""
        ...

    def stage_progress(self, batch_id: str) -> list[StageProgress]: ...

    def pipeline_health(self) -> list[StageHealth]: ...

    def job_totals(self) -> JobTotals: ...

    def sources(self) -> list[SourceRow]:
        """The sources that are not removed, by name, each with the last look at it."""
        ...

    def positions(self) -> list[ViewPosition]: ...

    def closable_batches(self, limit: int = 100) -> Sequence[BatchRow]:
        """Batches in processing of which every job has ended."""
        ...

    def reading_batches(self) -> list[str]:
        """The ids of batches that still read their files: not admitted yet, or with corrections that wait."""
        ...
