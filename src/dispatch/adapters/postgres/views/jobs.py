"""Where each job stands: one row per job. No personal data."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dispatch.adapters.postgres.views.view import NO_BATCH, Cursor, View
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.events import Event
from dispatch.domain.job.events import (
    DoubtSettled,
    EscalationAssigned,
    EscalationRaised,
    EscalationSnoozed,
    FailedOver,
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobOpened,
    JobRerouted,
    JobResumed,
    ReceiptRecorded,
    RecipientRefused,
    RetryScheduled,
    StageCompleted,
    StageDeferred,
    StageFailed,
    StageStarted,
)
from dispatch.domain.job.state import JobStatus

STALE_AFTER = timedelta(seconds=60)
"""A running job that has not moved for this long is driven again (promise R4)."""

CREATE = """
CREATE TABLE {schema}.jobs (
    job_id uuid PRIMARY KEY,
    batch_id uuid NOT NULL,
    row_number bigint NOT NULL,
    reference text NOT NULL,
    service text NOT NULL,
    price_pence bigint NOT NULL,
    status text NOT NULL,
    stage text NOT NULL,
    attempts int NOT NULL,
    error_code text NOT NULL,
    opened_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    due_at timestamptz,  -- when it is to be driven on: its own or a retry's time, or a while after it should have moved
    version bigint NOT NULL,
    priority text NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX jobs_batch_idx ON {schema}.jobs (batch_id, job_id);
CREATE INDEX jobs_due_idx ON {schema}.jobs (stage, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_exception_idx ON {schema}.jobs (status, job_id)
    WHERE status IN ('escalated', 'blocked', 'cancelled', 'archived');
"""

OPEN = """
INSERT INTO {schema}.jobs (job_id, batch_id, row_number, reference, service, price_pence, opened_at, priority,
                           status, stage, attempts, error_code, changed_at, due_at, version)
SELECT * FROM unnest(%b::text[]::uuid[], %b::text[]::uuid[], %b::bigint[], %b::text[], %b::text[], %b::bigint[],
                     %b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::int[], %b::text[], %b::timestamptz[],
                     %b::timestamptz[], %b::bigint[])
"""

MOVE = """
UPDATE {schema}.jobs AS job
SET status = coalesce(moved.status, job.status), stage = coalesce(moved.stage, job.stage),
    attempts = coalesce(moved.attempts, job.attempts), error_code = coalesce(moved.error_code, job.error_code),
    changed_at = coalesce(moved.changed_at, job.changed_at),
    due_at = CASE WHEN moved.is_move THEN moved.due_at ELSE job.due_at END, version = moved.version
FROM unnest(%b::text[]::uuid[], %b::text[], %b::text[], %b::int[], %b::text[], %b::timestamptz[], %b::timestamptz[],
            %b::boolean[], %b::bigint[])
     AS moved (job_id, status, stage, attempts, error_code, changed_at, due_at, is_move, version)
WHERE job.job_id = moved.job_id
"""


class Move:
    """What a job's later events change; None leaves a column as it is, and so does everything where nothing moved."""

    __slots__ = ("attempts", "changed_at", "due_at", "error_code", "is_move", "stage", "status", "version")

    def __init__(self) -> None:
        self.status: JobStatus | None = None
        self.stage: str | None = None
        self.attempts: int | None = None
        self.error_code: str | None = None
        self.changed_at: datetime | None = None
        self.due_at: datetime | None = None
        self.is_move = False
        self.version = 0

    def apply(self, event: Event, at: datetime, version: int) -> None:
        self.version = version
        if isinstance(event, ReceiptRecorded):
            return  # What follows from it is an event of its own.
        self.is_move, self.changed_at, self.due_at = True, at, None
        match event:
            case JobOpened(route=route):
                self._run(route[0], at)
                self.attempts, self.error_code = 0, ""
                if event.is_waiting:
                    self.status, self.due_at = JobStatus.WAITING, event.scheduled_at
            case (
                StageStarted(stage=stage)
                | FailedOver(stage=stage)
                | JobResumed(stage=stage)
                | DoubtSettled(stage=stage)
            ):
                self._run(stage, at)
            case StageCompleted(next_stage=next_stage, stage=stage):
                self._run(next_stage or stage, at)
                self.attempts, self.error_code = 0, ""
            case RecipientRefused(next_stage=next_stage):
                self._run(next_stage, at)
                self.attempts, self.error_code = 0, ""
            case StageFailed(attempt=attempt, error_code=error_code):
                self.attempts, self.error_code = attempt, error_code
            case StageDeferred(reason=reason, due_at=due_at):
                self.status, self.error_code, self.due_at = JobStatus.WAITING, reason, due_at
            case RetryScheduled(due_at=due_at):
                self.status, self.due_at = JobStatus.WAITING, due_at
            case JobEscalated(reason=reason):
                self.status, self.error_code = JobStatus.ESCALATED, reason
            case JobBlocked(reason=reason):
                self.status, self.error_code = JobStatus.BLOCKED, reason
            case JobDelivered():
                self.status = JobStatus.DELIVERED
            case EscalationAssigned() | EscalationSnoozed() | EscalationRaised():
                pass  # It stays where it is, before people.
            case JobCancelled(reason=reason):
                self.status, self.error_code = JobStatus.CANCELLED, reason
            case JobArchived(reason=reason):
                self.status, self.error_code = JobStatus.ARCHIVED, reason
            case JobRerouted(stage=stage, attempt=attempt):
                self._run(stage, at)
                self.attempts, self.error_code = attempt - 1, ""
            case _:
                raise TypeError(f"not an event of a job: {event!r}")

    def _run(self, stage: str, at: datetime) -> None:
        self.status, self.stage, self.due_at = JobStatus.RUNNING, stage, at + STALE_AFTER

    def columns(self) -> tuple[Any, ...]:
        """Of a new row."""
        return (self.status, self.stage, self.attempts, self.error_code, self.changed_at, self.due_at, self.version)

    def changes(self) -> tuple[Any, ...]:
        """Of a row that is there."""
        return (*self.columns()[:-1], self.is_move, self.version)


class JobsView(View):
    """`ops.jobs`."""

    name = "jobs"
    version = 2
    home = "ops"
    tables = ("jobs",)
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        opened: dict[str, tuple[Any, ...]] = {}
        moves: dict[str, Move] = {}
        for record in recorded:
            event = record.event
            if isinstance(event, JobOpened):
                opened[record.stream] = (
                    event.job_id,
                    event.batch_id or NO_BATCH,
                    event.row,
                    event.reference,
                    event.service,
                    event.price_pence,
                    event.at,
                    event.priority.value,
                )
            elif "job_id" not in type(event).__struct_fields__:
                continue
            move = moves.get(record.stream)
            if move is None:
                move = moves[record.stream] = Move()
            move.apply(event, event.at, record.version)
        new = [(*row, *moves.pop(job_id).columns()) for job_id, row in opened.items()]
        if new:
            cursor.execute(self.sql(OPEN), _columns(new), prepare=True)
        if moves:
            moved = [(job_id, *move.changes()) for job_id, move in moves.items()]
            cursor.execute(self.sql(MOVE), _columns(moved), prepare=True)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
