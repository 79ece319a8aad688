"""Dead letters and the groups they fall into: `ops.dead_letters`, `ops.failure_kinds`, `ops.failure_hours`.

A dead letter is a job before a person. Its group comes from the failed attempt that is recorded just before it; where
a step of the projector ends between the two, `ops.failing` keeps that attempt.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from dispatch.adapters.postgres.views.view import Cursor, View, batch_of
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.failures import fingerprint, normalise, severity
from dispatch.domain.job.events import (
    DoubtSettled,
    JobArchived,
    JobCancelled,
    JobEscalated,
    JobRerouted,
    JobResumed,
    RecipientRefused,
    RetryScheduled,
    StageCompleted,
    StageFailed,
)

CREATE = """
CREATE TABLE {schema}.failure_kinds (
    fingerprint text PRIMARY KEY,
    stage text NOT NULL,
    provider text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    severity text NOT NULL,
    total bigint NOT NULL,  -- times that a job came before a person so
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL
);
CREATE TABLE {schema}.dead_letters (
    job_id uuid NOT NULL,
    version bigint NOT NULL,  -- of the job's stream: the event that brought it before a person
    batch_id uuid NOT NULL,
    fingerprint text NOT NULL,
    stage text NOT NULL,
    code text NOT NULL,
    escalated_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolution text NOT NULL DEFAULT '',
    resolved_by text NOT NULL DEFAULT '',
    notes text NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, version)
);
CREATE INDEX dead_letters_open_idx ON {schema}.dead_letters (fingerprint, job_id) WHERE resolved_at IS NULL;
CREATE INDEX dead_letters_open_at_idx ON {schema}.dead_letters (escalated_at, job_id) WHERE resolved_at IS NULL;
CREATE TABLE {schema}.failure_hours (
    hour timestamptz NOT NULL,
    stage text NOT NULL,
    completed bigint NOT NULL,
    failed bigint NOT NULL,
    PRIMARY KEY (hour, stage)
);
CREATE TABLE {schema}.failing (
    job_id uuid PRIMARY KEY,
    provider text NOT NULL,
    message text NOT NULL,
    transient boolean NOT NULL
);
"""

COUNT_KINDS = """
INSERT INTO {schema}.failure_kinds AS seen
       (fingerprint, stage, provider, code, message, severity, total, first_seen, last_seen)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
                     %s::timestamptz[], %s::timestamptz[])
ON CONFLICT (fingerprint) DO UPDATE
SET total = seen.total + excluded.total, severity = excluded.severity,
    first_seen = least(seen.first_seen, excluded.first_seen), last_seen = greatest(seen.last_seen, excluded.last_seen)
"""
OPEN = """
INSERT INTO {schema}.dead_letters (job_id, version, batch_id, fingerprint, stage, code, escalated_at)
SELECT * FROM unnest(%s::text[]::uuid[], %s::bigint[], %s::text[]::uuid[], %s::text[], %s::text[], %s::text[],
                     %s::timestamptz[])
"""
RESOLVE = """
UPDATE {schema}.dead_letters AS letter
SET resolved_at = done.at, resolution = done.resolution, resolved_by = done.by, notes = done.notes
FROM unnest(%s::text[]::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
     AS done (job_id, at, resolution, by, notes)
WHERE letter.job_id = done.job_id AND letter.resolved_at IS NULL
"""
COUNT_HOURS = """
INSERT INTO {schema}.failure_hours AS seen (hour, stage, completed, failed)
SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT (hour, stage) DO UPDATE
SET completed = seen.completed + excluded.completed, failed = seen.failed + excluded.failed
"""
KEEP = """
INSERT INTO {schema}.failing SELECT * FROM unnest(%s::text[]::uuid[], %s::text[], %s::text[], %s::boolean[])
ON CONFLICT (job_id) DO UPDATE
SET provider = excluded.provider, message = excluded.message, transient = excluded.transient
"""
TAKE = """
DELETE FROM {schema}.failing WHERE job_id = ANY(%s::text[]::uuid[])
RETURNING job_id::text, provider, message, transient
"""


class Attempt(NamedTuple):
    """What a failed attempt says about the dead letter that may follow."""

    provider: str
    message: str
    transient: bool


class Letter(NamedTuple):
    """A row of `dead_letters`."""

    job_id: str
    version: int
    batch_id: str
    fingerprint: str
    stage: str
    code: str
    escalated_at: datetime


class Kind(NamedTuple):
    """A row of `failure_kinds`: what this step adds to it."""

    fingerprint: str
    stage: str
    provider: str
    code: str
    message: str
    severity: str
    total: int
    first_seen: datetime
    last_seen: datetime


UNTOLD = Attempt("", "", transient=False)


class FailuresView(View):
    """Dead letters, open and resolved ones, and the groups that they fall into."""

    name = "failures"
    version = 2
    home = "ops"
    tables = ("failure_kinds", "dead_letters", "failure_hours", "failing")
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        failing = self._taken_over(cursor, recorded)
        hours: Counter[tuple[datetime, str, str]] = Counter()
        kinds: dict[str, Kind] = {}
        opened: list[Letter] = []
        resolved: dict[str, tuple[object, ...]] = {}
        for record in recorded:
            event = record.event
            match event:
                case StageCompleted(stage=stage, at=at):
                    hours[_hour(at), stage, "completed"] += 1
                case StageFailed(stage=stage, at=at):
                    hours[_hour(at), stage, "failed"] += 1
                    failing[event.job_id] = Attempt(event.provider, normalise(event.message), event.transient)
                case RetryScheduled(job_id=job_id) | RecipientRefused(job_id=job_id):
                    failing.pop(job_id, None)
                case JobEscalated():
                    if event.job_id in resolved:  # Open again within one step: in the order of the events.
                        opened, resolved = self._write(cursor, opened, resolved)
                    attempt = failing.pop(event.job_id, UNTOLD)
                    opened.append(_count(kinds, event, attempt, record))
                case _:
                    if (done := _resolution(record)) is not None:
                        resolved[done[0]] = done
        self._write(cursor, opened, resolved)
        _execute(cursor, self.sql(COUNT_KINDS), kinds.values())
        keys = sorted({(hour, stage) for hour, stage, _ in hours})
        counted = [(h, s, hours[h, s, "completed"], hours[h, s, "failed"]) for h, s in keys]
        _execute(cursor, self.sql(COUNT_HOURS), counted)
        _execute(cursor, self.sql(KEEP), [(job_id, *attempt) for job_id, attempt in failing.items()])

    def _taken_over(self, cursor: Cursor, recorded: Sequence[Recorded]) -> dict[str, Attempt]:
        """Failed attempts of which an earlier step saw no more than the failure."""
        asked = [
            r.event.job_id for r in recorded if isinstance(r.event, RetryScheduled | JobEscalated | RecipientRefused)
        ]
        if not asked:
            return {}
        rows = cursor.execute(self.sql(TAKE), (asked,)).fetchall()
        return {job_id: Attempt(*attempt) for job_id, *attempt in rows}

    def _write(
        self, cursor: Cursor, opened: list[Letter], resolved: dict[str, tuple[object, ...]]
    ) -> tuple[list[Letter], dict[str, tuple[object, ...]]]:
        """A letter that was opened and resolved since the last writing is opened first."""
        _execute(cursor, self.sql(OPEN), opened)
        _execute(cursor, self.sql(RESOLVE), resolved.values())
        return [], {}


def _resolution(record: Recorded) -> tuple[str, datetime, str, str, str] | None:
    match record.event:
        case JobResumed(job_id=job_id, at=at, by=by):
            return job_id, at, "resumed", by, ""
        case DoubtSettled(job_id=job_id, at=at, by=by, note=note):
            return job_id, at, "settled", by, note
        case JobCancelled(job_id=job_id, at=at, by=by, reason=reason, was_escalated=True):
            return job_id, at, "cancelled", by, reason
        case JobArchived(job_id=job_id, at=at, by=by, reason=reason):
            return job_id, at, "archived", by, reason
        case JobRerouted(job_id=job_id, at=at, by=by, reason=reason, stage=stage):
            return job_id, at, f"rerouted to {stage}", by, reason
        case _:
            return None  # It takes no job away from a person.


def _count(kinds: dict[str, Kind], event: JobEscalated, attempt: Attempt, record: Recorded) -> Letter:
    provider, message, transient = attempt
    found = fingerprint(event.stage, provider, event.reason, message)
    seen = kinds.get(found)
    kinds[found] = Kind(
        found,
        event.stage,
        provider,
        event.reason,
        message,
        severity(event.reason, transient=transient).value,
        seen.total + 1 if seen else 1,
        min(seen.first_seen, event.at) if seen else event.at,
        max(seen.last_seen, event.at) if seen else event.at,
    )
    return Letter(event.job_id, record.version, batch_of(record), found, event.stage, event.reason, event.at)


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _execute(cursor: Cursor, statement: str, rows: Iterable[Sequence[object]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    if columns:
        cursor.execute(statement, columns)
