"""How jobs pass through the stages: `ops.stage_progress` per batch and stage.

When a batch begins anew, what its cancelled jobs had counted moves into rows of their own (`taken_back`): its progress
is that of the jobs it has, as in `intake.batches`, and the sums over everything never fall.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from dispatch.adapters.codec import decode
from dispatch.adapters.postgres.views.view import Cursor, View, batch_of
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.batch.events import BatchReset
from dispatch.domain.events import Event
from dispatch.domain.identity import ROWS_MAX, job_ids
from dispatch.domain.job.events import (
    JobBlocked,
    JobEscalated,
    JobOpened,
    JobRerouted,
    RecipientRefused,
    RetryScheduled,
    StageCompleted,
    StageFailed,
)

CREATE = """
CREATE TABLE {schema}.stage_progress (
    batch_id uuid NOT NULL,
    stage text NOT NULL,
    taken_back boolean NOT NULL,  -- of jobs that were cancelled before their batch was reset
    entered bigint NOT NULL,
    completed bigint NOT NULL,
    failed_attempts bigint NOT NULL,
    retries bigint NOT NULL,
    escalated bigint NOT NULL,
    blocked bigint NOT NULL,
    PRIMARY KEY (batch_id, stage, taken_back)
) WITH (fillfactor = 50);
"""

COUNTED = ("entered", "completed", "failed_attempts", "retries", "escalated", "blocked")

ADD = """
INSERT INTO {schema}.stage_progress AS seen
       (batch_id, stage, taken_back, entered, completed, failed_attempts, retries, escalated, blocked)
SELECT * FROM unnest(%s::text[]::uuid[], %s::text[], %s::boolean[], %s::bigint[], %s::bigint[], %s::bigint[],
                     %s::bigint[], %s::bigint[], %s::bigint[])
ON CONFLICT (batch_id, stage, taken_back) DO UPDATE
SET entered = seen.entered + excluded.entered, completed = seen.completed + excluded.completed,
    failed_attempts = seen.failed_attempts + excluded.failed_attempts, retries = seen.retries + excluded.retries,
    escalated = seen.escalated + excluded.escalated, blocked = seen.blocked + excluded.blocked
"""


BEGINNINGS = """
SELECT (convert_from(state, 'UTF8')::json->>'at')::timestamptz FROM ledger.stored_events
WHERE originator_id = %s::text::uuid AND split_part(topic, '.', 1) IN ('BatchReceived', 'BatchReset')
  AND notification_id < %s
"""
"""The ids of a batch's jobs begin with such a moment: they are neighbours in the index."""
# Events that count for the same are counted together, and one of each kind is read.
CANCELLED = """
WITH cancelled AS MATERIALIZED (
    SELECT originator_id FROM ledger.stored_events
    WHERE originator_id BETWEEN %s::text::uuid AND %s::text::uuid AND split_part(topic, '.', 1) = 'JobCancelled'
      AND notification_id < %s
), counted AS (
    SELECT topic, state, convert_from(state, 'UTF8')::json AS event
    FROM cancelled JOIN ledger.stored_events USING (originator_id)
    WHERE split_part(topic, '.', 1) = ANY(%s)
)
SELECT topic, min(state), count(*) FROM counted
GROUP BY topic, event->>'stage', event->>'next_stage', event->'route'->>0
"""
BEFORE = "SELECT stage, {columns} FROM {schema}.stage_progress WHERE batch_id = %s::text::uuid AND taken_back"
MOVES = (
    JobOpened,
    StageCompleted,
    JobRerouted,
    RecipientRefused,
    StageFailed,
    RetryScheduled,
    JobEscalated,
    JobBlocked,
)

Key: TypeAlias = tuple[str, str, bool, str]
"""Batch, stage, whether it was taken back, and what is counted."""


class StageProgressView(View):
    """Sums of events: how many came to a stage, and what became of them there."""

    name = "stage_progress"
    version = 2
    home = "ops"
    tables = ("stage_progress",)
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        counts: Counter[Key] = Counter()
        for record in recorded:
            batch = batch_of(record)
            if isinstance(record.event, BatchReset):
                self._add(cursor, counts)
                counts = self._taken_back(cursor, batch, record.position)
            for stage, name in _counted(record.event):
                counts[batch, stage, False, name] += 1
        self._add(cursor, counts)

    def _add(self, cursor: Cursor, counts: Mapping[Key, int]) -> None:
        if counts:
            keys = sorted({(batch, stage, taken_back) for batch, stage, taken_back, _ in counts})
            places = [[key[number] for key in keys] for number in range(3)]
            cursor.execute(
                self.sql(ADD), (*places, *([counts.get((*key, name), 0) for key in keys] for name in COUNTED))
            )

    def _taken_back(self, cursor: Cursor, batch: str, position: int) -> Counter[Key]:
        """What moves at a reset: all that cancelled jobs have counted up to there, without what has moved before."""
        moved: Counter[tuple[str, str]] = Counter()
        for (began_at,) in cursor.execute(BEGINNINGS, (batch, position)).fetchall():
            job_id = job_ids(batch, began_at)
            names = [kind.__name__ for kind in MOVES]
            rows = cursor.execute(CANCELLED, (job_id(0), job_id(ROWS_MAX), position, names)).fetchall()
            for topic, state, times in rows:
                for stage, name in _counted(decode(topic, state)):
                    moved[stage, name] += times
        before = self.sql(BEFORE).replace("{columns}", ", ".join(COUNTED))
        for stage, *columns in cursor.execute(before, (batch,)).fetchall():
            moved.subtract({(stage, name): count for name, count in zip(COUNTED, columns, strict=True)})
        counts: Counter[Key] = Counter()
        for (stage, name), count in moved.items():
            counts[batch, stage, True, name] = count
            counts[batch, stage, False, name] = -count
        return counts


def _counted(event: Event) -> Iterator[tuple[str, str]]:
    """Where an event counts, and as what."""
    match event:
        case JobOpened(route=route):
            yield route[0], "entered"
        case StageCompleted(stage=stage, next_stage=next_stage) if stage == next_stage:
            pass  # A part of its work: the job is still there.
        case StageCompleted(stage=stage, next_stage=next_stage):
            yield stage, "completed"
            if next_stage:
                yield next_stage, "entered"
        case RecipientRefused(stage=stage, next_stage=next_stage):
            yield stage, "completed"  # It is through with it, and comes again with the next recipient.
            yield next_stage, "entered"
        case JobRerouted(stage=stage):
            yield stage, "entered"
        case StageFailed(stage=stage):
            yield stage, "failed_attempts"
        case RetryScheduled(stage=stage):
            yield stage, "retries"
        case JobEscalated(stage=stage):
            yield stage, "escalated"
        case JobBlocked(stage=stage):
            yield stage, "blocked"
        case _:
            pass  # Events that do not move a job along its route.
