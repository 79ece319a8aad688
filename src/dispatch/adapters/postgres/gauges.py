"""The measures of the zone, read from the ledger's end and the views."""

from collections.abc import Mapping

from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.domain.zone.events import Measure

ATTEMPTS_MIN = 50
"""Of fewer attempts in an hour no share is worth an alarm."""

# The hour before counts by the part of it that lies within the last sixty minutes.
# Each stage, and the oldest job of each, is found by one step of the index on (stage, due_at): of a million jobs that
# wait some twenty are looked at. Jobs of paused batches are passed over one by one.
MEASURE = """
WITH RECURSIVE paused AS (
    SELECT scope, name FROM ops.pauses WHERE resumed_at IS NULL AND coalesce(until > now(), true)
), slowest AS (
    SELECT min(position) AS position FROM (
        SELECT position FROM ops.positions UNION ALL SELECT position FROM ops.published
    ) AS reached
), attempts AS (
    SELECT sum(part * (completed + failed)) AS all, sum(part * failed) AS failed
    FROM ops.failure_hours CROSS JOIN LATERAL (
        SELECT least(1, extract(epoch FROM hour + interval '2 hours' - now()) / 3600)::float8 AS part
    ) AS share
    WHERE hour > now() - interval '2 hours'
), stages AS (
    (SELECT stage FROM ops.jobs WHERE due_at IS NOT NULL ORDER BY stage LIMIT 1)
    UNION ALL
    SELECT (SELECT stage FROM ops.jobs WHERE due_at IS NOT NULL AND stage > stages.stage ORDER BY stage LIMIT 1)
    FROM stages WHERE stage IS NOT NULL
), overdue AS (
    SELECT min(oldest.due_at) AS since FROM stages CROSS JOIN LATERAL (
        SELECT due_at FROM ops.jobs
        WHERE stage = stages.stage AND due_at <= now()
          AND NOT EXISTS (SELECT FROM paused WHERE scope = 'batch' AND name = batch_id::text)
        ORDER BY due_at LIMIT 1
    ) AS oldest
    WHERE stage NOT IN (SELECT name FROM paused WHERE scope = 'stage')
      AND NOT EXISTS (SELECT FROM paused WHERE scope = 'everything')
)
SELECT
    coalesce((
        SELECT greatest(0, extract(epoch FROM clock_timestamp() - next.recorded_at)) FROM slowest,
        LATERAL (SELECT recorded_at FROM ledger.stored_events
                 WHERE notification_id > slowest.position ORDER BY notification_id LIMIT 1) AS next
    ), 0)::float8 AS lag_s,
    coalesce((SELECT greatest(0, extract(epoch FROM now() - since)) FROM overdue), 0)::float8 AS age_s,
    coalesce((SELECT 100 * failed / attempts.all FROM attempts WHERE attempts.all >= %s), 0)::float8
        AS errors_percent,
    (SELECT count(*) FROM intake.batches WHERE status IN ('uploaded', 'admitting', 'processing', 'undoing'))::float8
        AS batches
"""


class PostgresGauges:
    """Implements the port `Gauges`, on the database's clock."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def measure(self) -> Mapping[Measure, float]:
        with transaction(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(MEASURE, (ATTEMPTS_MIN,)).fetchone()
        return {measure: round(row[measure.value], 2) for measure in Measure} if row else {}
