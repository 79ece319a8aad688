"""What waits, what has failed, and what went wrong last: `ops.v_pending`, `ops.v_failed`, `ops.v_recent_errors`.

In the order of the questions of acceptance 2.17, 2.18 and 2.20: a plain SELECT answers in it.
"""

PENDING = """
CREATE VIEW ops.v_pending AS
SELECT *, greatest(0, extract(epoch FROM now() - since))::float8 AS age_s
FROM (
    SELECT 'job' AS kind, job_id AS record, batch_id, status, stage, attempts, error_code,
           -- What is scheduled waits from its time on, not from the day it was asked for.
           CASE WHEN status = 'waiting' AND attempts = 0 THEN due_at ELSE changed_at END AS since,
           CASE WHEN status = 'waiting' THEN due_at END AS due_at
    FROM ops.jobs WHERE due_at IS NOT NULL
    UNION ALL
    SELECT 'batch', batch_id, batch_id, status, 'intake', 0, '', coalesce(judged_at, created_at), NULL
    FROM intake.batches WHERE status IN ('uploaded', 'admitting', 'undoing')
) AS pending
ORDER BY since, record;
"""

_LETTERS = """
FROM ops.dead_letters AS letter JOIN ops.failure_kinds AS kind USING (fingerprint)
WHERE letter.resolved_at IS NULL
ORDER BY letter.escalated_at DESC, letter.job_id
"""
FAILED = f"""
CREATE VIEW ops.v_failed AS
SELECT letter.job_id AS record, letter.batch_id, letter.stage, letter.code AS error_code, kind.provider,
       kind.message, kind.severity, letter.fingerprint, letter.escalated_at AS failed_at
{_LETTERS};
"""

RECENT_ERRORS = f"""
CREATE VIEW ops.v_recent_errors AS
SELECT letter.stage || '/' || letter.code AS type, letter.job_id AS record,
       CASE WHEN kind.message = '' THEN letter.code ELSE kind.message END AS message, letter.escalated_at AS time
{_LETTERS} LIMIT 10;
"""

DERIVED = {"ops.v_pending": PENDING, "ops.v_failed": FAILED, "ops.v_recent_errors": RECENT_ERRORS}
