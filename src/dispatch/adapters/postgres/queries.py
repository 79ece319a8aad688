"""Read-model queries in SQLAlchemy Core; each list is bounded, each connection read-only at the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Engine, text

from dispatch.adapters.postgres.view_reader import ViewReader
from dispatch.application.ports.queries import (
    BatchRow,
    EscalationRow,
    JobRow,
    JobTotals,
    RowErrorRow,
    StageHealth,
    StageProgress,
    ViewPosition,
)
from dispatch.application.ports.sources import SourceRow
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.job.state import JobStatus

BATCH = """
SELECT batch_id::text, run, file_name, file_hash, file_bytes, profile, received_by, error_threshold_percent,
       CASE WHEN status = 'processing' AND escalated > 0
             AND escalated = jobs - delivered - blocked - cancelled - archived
            THEN 'waiting_on_people' ELSE status END AS status,
       rejection_code, rejection_reason, rows, accepted, rejected, duplicates, jobs, delivered, blocked, cancelled,
       escalated, errors_by_code, parse_duration_ms, db_duration_ms, created_at AS received_at, judged_at, admitted_at,
       closed_at, ids_from, priority, value_pence, stopped_at_row, approval_reason, approval_level, approval_due_at,
       decided_by, corrections, corrections_judged, repaired, resets, archived
FROM intake.batches
"""
BATCHES = f"WITH batch AS ({BATCH}) SELECT * FROM batch"  # noqa: S608 - a constant
JOB = """
SELECT job_id::text, batch_id::text, row_number AS row, reference, service, price_pence, status, stage, attempts,
       error_code, opened_at, changed_at, due_at, version
FROM ops.jobs
"""
ROW_ERRORS = """
SELECT batch_id::text, row_number AS row, line_number AS line, column_name AS column, error_code AS code, found,
       expected, fix
FROM intake.row_errors WHERE batch_id = :batch_id AND row_number > :after_row
ORDER BY row_number, column_name LIMIT :limit
"""
ESCALATIONS = """
SELECT job_id::text, batch_id::text, stage, reason, opened_at, priority, provider, level, since, assignee, snoozed_until
FROM ops.v_escalations
"""
OVERDUE = """
WHERE level < :levels AND since < :before AND coalesce(snoozed_until, '-infinity') <= :now ORDER BY opened_at, job_id
LIMIT :limit
"""
STAGE_PROGRESS = """
SELECT stage, entered, completed, failed_attempts, retries, escalated, blocked
FROM ops.stage_progress WHERE batch_id = :batch_id AND NOT taken_back
"""
JOB_TOTALS = """
SELECT greatest(0, batches.open + single.open - jobs.waiting)::bigint AS running, jobs.waiting,
       batches.escalated + single.escalated AS escalated, batches.blocked + single.blocked AS blocked,
       batches.delivered + single.delivered AS delivered, batches.cancelled + single.cancelled AS cancelled,
       batches.archived
FROM (SELECT coalesce(sum(jobs - delivered - blocked - cancelled - archived - escalated), 0)::bigint AS open,
             coalesce(sum(escalated), 0)::bigint AS escalated, coalesce(sum(blocked), 0)::bigint AS blocked,
             coalesce(sum(archived), 0)::bigint AS archived, coalesce(sum(delivered), 0)::bigint AS delivered,
             coalesce(sum(cancelled), 0)::bigint AS cancelled
      FROM intake.batches) AS batches,
     (SELECT coalesce(sum(accepted - delivered - blocked - cancelled - escalated), 0)::bigint AS open,
             coalesce(sum(escalated), 0)::bigint AS escalated, coalesce(sum(blocked), 0)::bigint AS blocked,
             coalesce(sum(delivered), 0)::bigint AS delivered, coalesce(sum(cancelled), 0)::bigint AS cancelled
      FROM ops.notification_counts) AS single,
     (SELECT count(*) AS waiting FROM ops.jobs WHERE due_at IS NOT NULL AND status = 'waiting') AS jobs
"""
SOURCES = """
SELECT source.source_id::text, name, kind, location, profile, error_threshold_percent, every_s, status, added_by,
       added_at, changed_at, batches, known_again, refused, found_at, found_file, found_batch_id::text, found_refused,
       look.at AS looked_at, look.next_at AS next_look_at, look.outcome, coalesce(look.detail, '') AS detail,
       coalesce(look.failures, 0) AS failures
FROM ops.sources AS source LEFT JOIN ops.source_looks AS look USING (source_id)
WHERE status <> 'removed' ORDER BY name
"""
CLOSABLE = """
WHERE status = 'processing' AND jobs = delivered + blocked + cancelled + archived AND corrections_judged >= corrections
ORDER BY created_at LIMIT :limit
"""
READING = """
SELECT batch_id::text FROM intake.batches
WHERE status IN ('uploaded', 'awaiting_approval', 'admitting') OR corrections_judged < corrections
"""
AHEAD = """
SELECT count(*) FROM ops.jobs AS job JOIN ops.jobs AS other USING (stage, priority)
WHERE job.job_id = :job_id AND other.status = 'running' AND other.due_at IS NOT NULL
      AND (other.changed_at, other.job_id) < (job.changed_at, job.job_id)
"""
APPROVALS = """
WHERE status = 'awaiting_approval' ORDER BY approval_level DESC, approval_due_at, created_at LIMIT :limit
"""

R = TypeVar("R")


class PostgresQueries(ViewReader):
    """Implements the port `Queries` on the views that the projector keeps."""

    def __init__(self, engine: Engine, stages: Sequence[str]) -> None:
        super().__init__(engine)
        self._order = {stage: place for place, stage in enumerate(stages)}

    def batches(
        self, *, limit: int = 50, before: datetime | None = None, status: BatchStatus | None = None
    ) -> list[BatchRow]:
        wanted = {"before": before, "status": status and status.value}
        asked = {name: value for name, value in wanted.items() if value is not None}
        conditions = {"before": "received_at < :before", "status": "status = :status"}
        where = f"WHERE {' AND '.join(conditions[name] for name in asked)}" if asked else ""
        statement = f"{BATCHES} {where} ORDER BY received_at DESC, batch_id LIMIT :limit"
        return self._rows(BatchRow, statement, asked | {"limit": limit})

    def approvals(self, *, limit: int = 100) -> list[BatchRow]:
        return self._rows(BatchRow, f"{BATCH} {APPROVALS}", {"limit": limit})

    def batch(self, batch_id: str) -> BatchRow | None:
        return _only(self._rows(BatchRow, f"{BATCH} WHERE batch_id = :batch_id", {"batch_id": batch_id}))

    def batch_ids(self, beginning: str, *, limit: int = 2) -> list[str]:
        return self._ids("SELECT batch_id::text FROM intake.batches WHERE batch_id", beginning, limit)

    def row_errors(self, batch_id: str, *, limit: int = 100, after_row: int = 0) -> list[RowErrorRow]:
        asked = {"batch_id": batch_id, "after_row": after_row, "limit": limit}
        return self._rows(RowErrorRow, ROW_ERRORS, asked)

    def jobs(
        self,
        *,
        batch_id: str | None = None,
        status: JobStatus | None = None,
        stage: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> list[JobRow]:
        asked = {"batch_id": batch_id, "status": status and status.value, "stage": stage, "after": after}
        wanted = {name: value for name, value in asked.items() if value is not None}
        conditions = ["job_id > :after" if name == "after" else f"{name} = :{name}" for name in wanted]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return self._rows(JobRow, f"{JOB} {where} ORDER BY job_id LIMIT :limit", wanted | {"limit": limit})

    def job(self, job_id: str) -> JobRow | None:
        return _only(self._rows(JobRow, f"{JOB} WHERE job_id = :job_id", {"job_id": job_id}))

    def jobs_ahead(self, job_id: str) -> int:
        with self._connection() as connection:
            return int(connection.execute(text(AHEAD), {"job_id": job_id}).scalar_one())

    def job_ids(self, beginning: str, *, limit: int = 2) -> list[str]:
        return self._ids("SELECT job_id::text FROM ops.jobs WHERE job_id", beginning, limit)

    def escalations(
        self,
        *,
        limit: int = 100,
        assignee: str | None = None,
        level: int | None = None,
        priority: str | None = None,
        snoozed: bool | None = None,
    ) -> list[EscalationRow]:
        wanted = {"assignee": assignee, "level": level, "priority": priority}
        asked = {name: value for name, value in wanted.items() if value is not None}
        conditions = [f"{name} = :{name}" for name in asked]
        if snoozed is not None:
            conditions.append(f"{'' if snoozed else 'NOT '}coalesce(snoozed_until > now(), false)")
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = f"{ESCALATIONS} {where} ORDER BY opened_at, job_id LIMIT :limit"
        return self._rows(EscalationRow, statement, asked | {"limit": limit})

    def escalation(self, job_id: str) -> EscalationRow | None:
        return _only(self._rows(EscalationRow, f"{ESCALATIONS} WHERE job_id = :job_id", {"job_id": job_id}))

    def overdue_escalations(
        self, now: datetime, answer_within: timedelta, levels: int, *, limit: int = 100
    ) -> list[EscalationRow]:
        asked = {"now": now, "before": now - answer_within, "levels": levels, "limit": limit}
        return self._rows(EscalationRow, f"{ESCALATIONS} {OVERDUE}", asked)

    def stage_progress(self, batch_id: str) -> list[StageProgress]:
        rows = self._rows(StageProgress, STAGE_PROGRESS, {"batch_id": batch_id})
        return sorted(rows, key=lambda row: self._place(row.stage))

    def pipeline_health(self) -> list[StageHealth]:
        rows = self._rows(StageHealth, "SELECT * FROM ops.v_pipeline_health", {})
        return sorted(rows, key=lambda row: self._place(row.stage))

    def job_totals(self) -> JobTotals:
        [totals] = self._rows(JobTotals, JOB_TOTALS, {})
        return totals

    def sources(self) -> list[SourceRow]:
        return self._rows(SourceRow, SOURCES, {})

    def positions(self) -> list[ViewPosition]:
        return self._rows(ViewPosition, "SELECT view, version, position FROM ops.positions ORDER BY view", {})

    def closable_batches(self, limit: int = 100) -> list[BatchRow]:
        return self._rows(BatchRow, f"{BATCH} {CLOSABLE}", {"limit": limit})

    def reading_batches(self) -> list[str]:
        with self._connection() as connection:
            return list(connection.execute(text(READING)).scalars())

    def _ids(self, where: str, beginning: str, limit: int) -> list[str]:
        """A range of the index: all ids from this beginning filled up with zeros to the same filled up with f."""
        digits = beginning.replace("-", "").lower()
        asked = {"least": digits.ljust(32, "0"), "most": digits.ljust(32, "f"), "limit": limit}
        statement = f"{where} BETWEEN cast(:least AS uuid) AND cast(:most AS uuid) ORDER BY 1 LIMIT :limit"
        with self._connection() as connection:
            return list(connection.execute(text(statement), asked).scalars())

    def _place(self, stage: str) -> tuple[int, str]:
        return self._order.get(stage, len(self._order)), stage


def _only(rows: Sequence[R]) -> R | None:
    return rows[0] if rows else None
