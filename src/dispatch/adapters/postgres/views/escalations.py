"""Which jobs are before a person, since when, and who has them: `ops.escalations`, `ops.v_escalations`."""

from collections.abc import Sequence
from datetime import datetime

from dispatch.adapters.postgres.views.view import Cursor, View, batch_of
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.job.events import (
    DoubtSettled,
    EscalationAssigned,
    EscalationRaised,
    EscalationSnoozed,
    JobArchived,
    JobCancelled,
    JobEscalated,
    JobRerouted,
    JobResumed,
)

CREATE = """
CREATE TABLE {schema}.escalations (
    job_id uuid NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,  -- of the job's event that brought it before people
    batch_id uuid NOT NULL,
    stage text NOT NULL,
    reason text NOT NULL,
    provider text NOT NULL,
    opened_at timestamptz NOT NULL,
    level int NOT NULL DEFAULT 1,
    since timestamptz NOT NULL,  -- for so long this level, or whoever has it, has had it
    assignee text NOT NULL DEFAULT '',
    snoozed_until timestamptz,
    resolved_at timestamptz,
    resolution text NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, position)
);
CREATE INDEX escalations_open_idx ON {schema}.escalations (opened_at) WHERE resolved_at IS NULL;
"""

DERIVED = """
CREATE VIEW {schema}.v_escalations AS
SELECT job_id, batch_id, stage, reason, provider, opened_at, level, since, assignee, snoozed_until,
       version, position,
       CASE WHEN opened_at < now() - interval '48 hours' THEN 'CRITICAL'
            WHEN opened_at < now() - interval '24 hours' THEN 'HIGH'
            ELSE 'NORMAL' END AS priority
FROM {schema}.escalations WHERE resolved_at IS NULL;
"""
ESCALATE = """
INSERT INTO {schema}.escalations (job_id, position, version, batch_id, stage, reason, provider, opened_at, since)
SELECT *, at FROM unnest(%s::text[]::uuid[], %s::bigint[], %s::bigint[], %s::text[]::uuid[], %s::text[], %s::text[],
                         %s::text[], %s::timestamptz[])
              AS new (job_id, position, version, batch_id, stage, reason, provider, at)
"""
RESOLVE = """
UPDATE {schema}.escalations AS escalation SET resolved_at = done.at, resolution = done.resolution
FROM unnest(%s::text[]::uuid[], %s::timestamptz[], %s::text[]) AS done (job_id, at, resolution)
WHERE escalation.job_id = done.job_id AND escalation.resolved_at IS NULL
"""
HELD = """
UPDATE {schema}.escalations SET assignee = %s, since = %s WHERE job_id = %s AND resolved_at IS NULL
"""
SNOOZE = "UPDATE {schema}.escalations SET snoozed_until = %s WHERE job_id = %s AND resolved_at IS NULL"
RAISE = "UPDATE {schema}.escalations SET level = %s, since = %s WHERE job_id = %s AND resolved_at IS NULL"

Row = tuple[object, ...]


class EscalationsView(View):
    """Every time that a job came before a person, and how that ended."""

    name = "escalations"
    version = 2
    home = "ops"
    tables = ("escalations",)
    create = CREATE
    derived = DERIVED

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        pending = _Pending()
        for record in recorded:
            match record.event:
                case JobEscalated() as escalated:
                    if escalated.job_id in pending.ended:
                        self._write(cursor, pending)  # Or its earlier end would end this one too.
                    pending.escalate(record, escalated)
                case JobResumed(job_id=job_id, at=at):
                    self._resolve(cursor, pending, job_id, at, "resumed")
                case DoubtSettled(job_id=job_id, at=at):
                    self._resolve(cursor, pending, job_id, at, "settled")
                case JobCancelled(job_id=job_id, at=at, was_escalated=True):
                    self._resolve(cursor, pending, job_id, at, "cancelled")
                case EscalationAssigned(job_id=job_id, at=at, to=to):
                    self._write(cursor, pending)
                    cursor.execute(self.sql(HELD), (to, at, job_id))
                case EscalationSnoozed(job_id=job_id, until=until):
                    self._write(cursor, pending)
                    cursor.execute(self.sql(SNOOZE), (until, job_id))
                case EscalationRaised(job_id=job_id, at=at, level=level):
                    self._write(cursor, pending)
                    cursor.execute(self.sql(RAISE), (level, at, job_id))
                case JobArchived(job_id=job_id, at=at):
                    self._resolve(cursor, pending, job_id, at, "archived")
                case JobRerouted(job_id=job_id, at=at):
                    self._resolve(cursor, pending, job_id, at, "rerouted")
                case _:
                    pass  # Nothing that brings a job before a person or takes it away.
        self._write(cursor, pending)

    def _resolve(self, cursor: Cursor, pending: "_Pending", job_id: str, at: datetime, how: str) -> None:
        """One after the other only where a job comes and goes within one step; else all of them together."""
        if job_id in pending.opened or job_id in pending.ended:
            self._write(cursor, pending)
        pending.ended[job_id] = (at, how)

    def _write(self, cursor: Cursor, pending: "_Pending") -> None:
        if pending.rows:
            cursor.execute(self.sql(ESCALATE), [list(column) for column in zip(*pending.rows, strict=True)])
        if pending.ended:
            at, how = zip(*pending.ended.values(), strict=True)
            cursor.execute(self.sql(RESOLVE), (list(pending.ended), list(at), list(how)))
        pending.clear()


class _Pending:
    """What is to be written in one go: no job comes and goes in it."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.opened: set[str] = set()
        self.ended: dict[str, tuple[datetime, str]] = {}

    def clear(self) -> None:
        """All of it is written."""
        self.rows.clear()
        self.opened.clear()
        self.ended.clear()

    def escalate(self, record: Recorded, event: JobEscalated) -> None:
        self.opened.add(event.job_id)
        place = event.job_id, record.position, record.version, batch_of(record)
        self.rows.append((*place, event.stage, event.reason, event.provider, event.at))
