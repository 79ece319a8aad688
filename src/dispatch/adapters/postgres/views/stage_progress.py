"""How jobs pass through the stages: `ops.stage_progress` per batch and stage."""

from collections import Counter
from collections.abc import Sequence

from dispatch.adapters.postgres.views.view import Cursor, View, batch_of
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.job.events import (
    JobBlocked,
    JobEscalated,
    JobOpened,
    JobRerouted,
    RetryScheduled,
    StageCompleted,
    StageFailed,
)

CREATE = """
CREATE TABLE {schema}.stage_progress (
    batch_id uuid NOT NULL,
    stage text NOT NULL,
    entered bigint NOT NULL,
    completed bigint NOT NULL,
    failed_attempts bigint NOT NULL,
    retries bigint NOT NULL,
    escalated bigint NOT NULL,
    blocked bigint NOT NULL,
    PRIMARY KEY (batch_id, stage)
) WITH (fillfactor = 50);
"""

COUNTED = ("entered", "completed", "failed_attempts", "retries", "escalated", "blocked")

ADD = """
INSERT INTO {schema}.stage_progress AS seen
       (batch_id, stage, entered, completed, failed_attempts, retries, escalated, blocked)
SELECT * FROM unnest(%s::text[]::uuid[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                     %s::bigint[], %s::bigint[])
ON CONFLICT (batch_id, stage) DO UPDATE
SET entered = seen.entered + excluded.entered, completed = seen.completed + excluded.completed,
    failed_attempts = seen.failed_attempts + excluded.failed_attempts, retries = seen.retries + excluded.retries,
    escalated = seen.escalated + excluded.escalated, blocked = seen.blocked + excluded.blocked
"""


class StageProgressView(View):
    """Sums of events: how many came to a stage, and what became of them there."""

    name = "stage_progress"
    version = 1
    home = "ops"
    tables = ("stage_progress",)
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        counts: Counter[tuple[str, str, str]] = Counter()
        for record in recorded:
            batch = batch_of(record)
            match record.event:
                case JobOpened(route=route):
                    counts[batch, route[0], "entered"] += 1
                case StageCompleted(stage=stage, next_stage=next_stage) if stage == next_stage:
                    pass  # A part of its work: the job is still there.
                case StageCompleted(stage=stage, next_stage=next_stage):
                    counts[batch, stage, "completed"] += 1
                    if next_stage:
                        counts[batch, next_stage, "entered"] += 1
                case JobRerouted(stage=stage):
                    counts[batch, stage, "entered"] += 1
                case StageFailed(stage=stage):
                    counts[batch, stage, "failed_attempts"] += 1
                case RetryScheduled(stage=stage):
                    counts[batch, stage, "retries"] += 1
                case JobEscalated(stage=stage):
                    counts[batch, stage, "escalated"] += 1
                case JobBlocked(stage=stage):
                    counts[batch, stage, "blocked"] += 1
                case _:
                    pass  # Events that do not move a job along its route.
        if counts:
            keys = sorted({(batch, stage) for batch, stage, _ in counts})
            columns = [[counts[batch, stage, name] for batch, stage in keys] for name in COUNTED]
            cursor.execute(self.sql(ADD), [[b for b, _ in keys], [s for _, s in keys], *columns])
