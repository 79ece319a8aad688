"""Failures for people: each group with what is open of it, unresolved ones, and the rate of a day (acceptance 2.04)."""

GROUPS = """
CREATE VIEW ops.failure_groups AS
WITH open AS (
    SELECT fingerprint, count(*) AS open, min(escalated_at) AS oldest_at, min(job_id::text) AS sample_job_id
    FROM ops.dead_letters WHERE resolved_at IS NULL GROUP BY fingerprint
)
SELECT fingerprint, stage, provider, code, message, severity, coalesce(open.open, 0) AS open, kind.total, first_seen,
       last_seen, open.oldest_at AS oldest_open_at, coalesce(open.sample_job_id, '') AS sample_job_id
FROM ops.failure_kinds AS kind LEFT JOIN open USING (fingerprint);
"""

UNRESOLVED = """
CREATE VIEW ops.vw_unresolved_errors AS
SELECT letter.stage || '/' || letter.code AS type, kind.severity, letter.job_id AS record, letter.batch_id,
       kind.provider, CASE WHEN kind.message = '' THEN letter.code ELSE kind.message END AS message,
       letter.fingerprint, letter.escalated_at AS time
FROM ops.dead_letters AS letter JOIN ops.failure_kinds AS kind USING (fingerprint)
WHERE letter.resolved_at IS NULL;
"""

RATE = """
CREATE VIEW ops.vw_error_rate_24h AS
SELECT hour, stage, completed + failed AS attempts, failed AS errors,
       round(100.0 * failed / nullif(completed + failed, 0), 2)::float8 AS error_rate_percent
FROM ops.failure_hours
WHERE hour > now() - interval '24 hours';
"""

DERIVED = {
    "ops.failure_groups": GROUPS,
    "ops.vw_unresolved_errors": UNRESOLVED,
    "ops.vw_error_rate_24h": RATE,
}
