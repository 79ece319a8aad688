"""How the intake did, hour by hour, over the last seven days: `ops.v_batch_performance` (acceptance 1.08).

A batch belongs to the hour in UTC in which it was received; hours without one have no row. Refused rows stay counted
when a correction mends them: the view tells how good the files were.
"""

CREATE = """
CREATE VIEW ops.v_batch_performance AS
SELECT date_trunc('hour', created_at, 'UTC') AS hour,
       count(*) AS batches,
       count(*) FILTER (WHERE status = 'rejected') AS rejected,
       sum(rows)::bigint AS rows,
       sum(rejected + repaired)::bigint AS refused_rows,
       sum(duplicates)::bigint AS duplicate_rows,
       coalesce(round(100.0 * sum(rejected + repaired) / nullif(sum(rows), 0), 2), 0)::float8 AS error_rate_percent,
       coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY parse_duration_ms) FILTER (WHERE judged_at IS NOT NULL), 0)
           AS parse_p50_ms,
       coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY parse_duration_ms) FILTER (WHERE judged_at IS NOT NULL), 0)
           AS parse_p95_ms,
       coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY db_duration_ms) FILTER (WHERE admitted_at IS NOT NULL), 0)
           AS db_p50_ms,
       coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY db_duration_ms) FILTER (WHERE admitted_at IS NOT NULL), 0)
           AS db_p95_ms,
       coalesce(round(1000.0 * sum(rows) / nullif(sum(parse_duration_ms + db_duration_ms), 0), 1), 0)::float8
           AS rows_per_s
FROM intake.batches
WHERE created_at >= date_trunc('hour', now(), 'UTC') - interval '167 hours'
GROUP BY 1;
"""

DERIVED = {"ops.v_batch_performance": CREATE}
