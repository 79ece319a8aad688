"""Each batch in one row for whoever watches the intake, and all of them in one: SQL views over `intake.batches`."""

OBSERVABILITY = """
CREATE VIEW intake.v_batch_observability AS
SELECT batch_id, run, file_name, file_hash, profile,
       CASE WHEN status = 'processing' AND escalated > 0
             AND escalated = jobs - delivered - blocked - cancelled - archived
            THEN 'waiting_on_people' ELSE status END AS status,
       priority, rows, accepted AS valid_rows, rejected AS invalid_rows, duplicates AS duplicate_rows, jobs,
       coalesce(round(100.0 * rejected / nullif(rows, 0), 2), 0)::float8 AS error_rate_percent,
       error_threshold_percent, parse_duration_ms, db_duration_ms,
       coalesce(round(1000.0 * rows / nullif(parse_duration_ms + db_duration_ms, 0), 1), 0)::float8 AS rows_per_s,
       greatest(0, extract(epoch FROM coalesce(closed_at, now()) - created_at))::float8 AS age_s,
       rejection_code, rejection_reason, resets, corrections, repaired AS repaired_rows, created_at AS received_at,
       closed_at
FROM intake.batches;
"""

METRICS = """
CREATE VIEW intake.view_batch_metrics AS
SELECT count(*) AS batches,
       count(*) FILTER (WHERE closed_at IS NULL) AS open,
       count(*) FILTER (WHERE status = 'complete') AS complete,
       count(*) FILTER (WHERE status = 'complete_with_exceptions') AS complete_with_exceptions,
       count(*) FILTER (WHERE status = 'rejected') AS rejected,
       count(*) FILTER (WHERE status = 'undone') AS undone,
       coalesce(sum(rows), 0)::bigint AS rows,
       coalesce(sum(accepted), 0)::bigint AS valid_rows,
       coalesce(sum(rejected), 0)::bigint AS invalid_rows,
       coalesce(sum(duplicates), 0)::bigint AS duplicate_rows,
       coalesce(sum(jobs), 0)::bigint AS jobs,
       coalesce(round(100.0 * sum(rejected) / nullif(sum(rows), 0), 2), 0)::float8 AS error_rate_percent,
       coalesce(round(100.0 * sum(duplicates) / nullif(sum(rows), 0), 2), 0)::float8 AS duplicate_percent,
       coalesce(sum(parse_duration_ms), 0)::bigint AS parse_duration_ms,
       coalesce(sum(db_duration_ms), 0)::bigint AS db_duration_ms,
       coalesce(round(1000.0 * sum(rows) / nullif(sum(parse_duration_ms + db_duration_ms), 0), 1), 0)::float8
           AS rows_per_s,
       greatest(0, coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE closed_at IS NULL)), 0))::float8
           AS oldest_open_age_s
FROM intake.batches;
"""

DERIVED = {"intake.v_batch_observability": OBSERVABILITY, "intake.view_batch_metrics": METRICS}
