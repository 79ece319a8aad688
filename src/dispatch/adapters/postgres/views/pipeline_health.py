"""What is at each stage now and how old the oldest of it is: `ops.v_pipeline_health`, over two views' tables."""

NAME = "ops.v_pipeline_health"

CREATE = """
CREATE VIEW ops.v_pipeline_health AS
WITH passed AS (
    SELECT stage, sum(completed) AS completed, sum(failed_attempts) AS failed_attempts, sum(retries) AS retries
    FROM ops.stage_progress GROUP BY stage
), present AS (
    SELECT stage,
           count(*) FILTER (WHERE status = 'running') AS running,
           count(*) FILTER (WHERE status = 'waiting') AS waiting,
           -- What is scheduled grows old from its time on, not from the day it was asked for.
           min(CASE WHEN status = 'waiting' AND attempts = 0 THEN due_at ELSE changed_at END) AS oldest_at
    FROM ops.jobs WHERE due_at IS NOT NULL GROUP BY stage
), escalated AS (
    SELECT stage, count(*) AS escalated, min(opened_at) AS oldest_at
    FROM ops.escalations WHERE resolved_at IS NULL GROUP BY stage
)
SELECT passed.stage,
       coalesce(present.running, 0) AS running,
       coalesce(present.waiting, 0) AS waiting,
       coalesce(escalated.escalated, 0) AS escalated,
       passed.completed::bigint AS completed,
       passed.failed_attempts::bigint AS failed_attempts,
       passed.retries::bigint AS retries,
       greatest(0, coalesce(extract(epoch FROM now() - least(present.oldest_at, escalated.oldest_at)), 0))::float8
           AS oldest_age_s
FROM passed LEFT JOIN present USING (stage) LEFT JOIN escalated USING (stage);
"""
