"""Which jobs are before a person, and since when: `ops.escalations`, `ops.v_escalations`."""

from collections.abc import Sequence

from dispatch.adapters.postgres.views.view import Cursor, View, batch_of
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.job.events import JobArchived, JobCancelled, JobEscalated, JobRerouted, JobResumed

CREATE = """
CREATE TABLE {schema}.escalations (
    job_id uuid NOT NULL,
    position bigint NOT NULL,
    batch_id uuid NOT NULL,
    stage text NOT NULL,
    reason text NOT NULL,
    opened_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolution text NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, position)
);
CREATE INDEX escalations_open_idx ON {schema}.escalations (opened_at) WHERE resolved_at IS NULL;
"""

DERIVED = """
CREATE VIEW {schema}.v_escalations AS
SELECT job_id, batch_id, stage, reason, opened_at,
       CASE WHEN opened_at < now() - interval '48 hours' THEN 'CRITICAL'
            WHEN opened_at < now() - interval '24 hours' THEN 'HIGH'
            ELSE 'NORMAL' END AS priority
FROM {schema}.escalations WHERE resolved_at IS NULL;
"""

ESCALATE = """
INSERT INTO {schema}.escalations (job_id, position, batch_id, stage, reason, opened_at)
SELECT * FROM unnest(%s::text[]::uuid[], %s::bigint[], %s::text[]::uuid[], %s::text[], %s::text[], %s::timestamptz[])
"""
RESOLVE = """
UPDATE {schema}.escalations SET resolved_at = %s, resolution = %s WHERE job_id = %s AND resolved_at IS NULL
"""


class EscalationsView(View):
    """Every time that a job came before a person, and how that ended."""

    name = "escalations"
    version = 1
    home = "ops"
    tables = ("escalations",)
    create = CREATE
    derived = DERIVED

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        waiting: list[tuple[object, ...]] = []
        for record in recorded:
            match record.event:
                case JobEscalated(job_id=job_id, stage=stage, reason=reason, at=at):
                    waiting.append((job_id, record.position, batch_of(record), stage, reason, at))
                case JobResumed(job_id=job_id, at=at):
                    waiting = self._escalate(cursor, waiting)
                    cursor.execute(self.sql(RESOLVE), (at, "resumed", job_id))
                case JobCancelled(job_id=job_id, at=at, was_escalated=True):
                    waiting = self._escalate(cursor, waiting)
                    cursor.execute(self.sql(RESOLVE), (at, "cancelled", job_id))
                case JobArchived(job_id=job_id, at=at):
                    waiting = self._escalate(cursor, waiting)
                    cursor.execute(self.sql(RESOLVE), (at, "archived", job_id))
                case JobRerouted(job_id=job_id, at=at):
                    waiting = self._escalate(cursor, waiting)
                    cursor.execute(self.sql(RESOLVE), (at, "rerouted", job_id))
                case _:
                    pass  # Nothing that brings a job before a person or takes it away.
        self._escalate(cursor, waiting)

    def _escalate(self, cursor: Cursor, waiting: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
        if waiting:
            cursor.execute(self.sql(ESCALATE), [list(column) for column in zip(*waiting, strict=True)])
        return []
