"""Events as work: what became of each, and how fast: `ops.v_pipeline_events`, `ops.v_processing_rate`.

An event that makes a job due is answered by the next event of its stream that says how it went: nobody has to mark it
(acceptance 2.03, 2.07, 2.19). The two are told by stream and version, never by what a payload says (X13): no event is
answered twice, none for another. The wait for a time that was asked for, or until a retry is due, is no latency.
"""

_ANSWERED = """
WITH due AS (
    SELECT notification_id, originator_id, originator_version, correlation_id, recorded_at,
           split_part(topic, '.', 1) AS event_type, convert_from(state, 'UTF8')::jsonb AS event
    FROM ledger.stored_events
    WHERE split_part(topic, '.', 1) IN ('JobOpened', 'StageCompleted', 'RetryScheduled', 'StageDeferred',
                                        'JobResumed', 'JobRerouted', 'DoubtSettled', 'RecipientRefused'){since}
), answered AS (
    SELECT due.*, answer.name, answer.at,
           greatest(due.recorded_at, (event ->> 'due_at')::timestamptz, (event ->> 'scheduled_at')::timestamptz)
               AS from_at
    FROM due LEFT JOIN LATERAL (
        SELECT split_part(topic, '.', 1) AS name, recorded_at AS at  -- Behind what is no answer.
        FROM ledger.stored_events AS later
        WHERE later.originator_id = due.originator_id AND later.originator_version > due.originator_version
              AND split_part(topic, '.', 1) NOT IN ('StageStarted', 'FailedOver', 'ReceiptRecorded')
        ORDER BY later.originator_version LIMIT 1
    ) AS answer ON true
    WHERE NOT (event_type = 'StageCompleted' AND event ->> 'next_stage' = '')
          AND NOT (event_type = 'DoubtSettled' AND (event ->> 'happened')::boolean)
)
"""

EVENTS = f"""
CREATE VIEW ops.v_pipeline_events AS
{_ANSWERED.format(since="")}
SELECT notification_id AS event_id, event_type, originator_id AS record, correlation_id AS batch_id,
       CASE WHEN name IS NULL THEN 'pending' WHEN name = 'StageFailed' THEN 'failed' ELSE 'processed' END AS status,
       -- Of what was recorded only what holds nothing personal.
       jsonb_strip_nulls(jsonb_build_object('stage', event -> 'stage', 'next_stage', event -> 'next_stage',
           'attempt', event -> 'attempt', 'route', event -> 'route', 'due_at', event -> 'due_at')) AS payload,
       recorded_at AS created_at, at AS processed_at
FROM answered;
"""  # noqa: S608 - constants

RATE = f"""
CREATE VIEW ops.v_processing_rate AS
{_ANSWERED.format(since=" AND recorded_at >= now() - interval '1 hour'")}
SELECT event_type,
       count(*) AS total,
       count(*) FILTER (WHERE name <> 'StageFailed') AS processed,
       count(*) FILTER (WHERE name = 'StageFailed') AS failed,
       count(*) FILTER (WHERE name IS NULL) AS pending,
       coalesce(avg(greatest(0, extract(epoch FROM at - from_at))), 0)::float8 AS latency_avg_s
FROM answered
GROUP BY event_type;
"""  # noqa: S608 - constants

DERIVED = {"ops.v_pipeline_events": EVENTS, "ops.v_processing_rate": RATE}
