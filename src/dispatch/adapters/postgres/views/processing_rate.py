"""How fast events are worked on: `ops.v_processing_rate`, per kind of event over the last hour (acceptance 2.19).

An event that makes a job due is answered by the next event of its stream that says how it went. The two are told by
stream and version, never by what a payload says (acceptance X13): no event is answered twice, none for another.
The wait for a time that was asked for, or until a retry is due, is no latency.
"""

RATE = """
CREATE VIEW ops.v_processing_rate AS
WITH due AS (
    SELECT originator_id AS stream, originator_version AS version, split_part(topic, '.', 1) AS event_type,
           recorded_at, convert_from(state, 'UTF8')::jsonb AS event
    FROM ledger.stored_events
    WHERE recorded_at >= now() - interval '1 hour'
          AND split_part(topic, '.', 1) IN ('JobOpened', 'StageCompleted', 'RetryScheduled', 'StageDeferred',
                                            'JobResumed', 'JobRerouted', 'DoubtSettled')
), waits AS (
    SELECT stream, version, event_type,
           greatest(recorded_at, (event ->> 'due_at')::timestamptz, (event ->> 'scheduled_at')::timestamptz) AS from_at
    FROM due
    WHERE NOT (event_type = 'StageCompleted' AND event ->> 'next_stage' = '')
          AND NOT (event_type = 'DoubtSettled' AND (event ->> 'happened')::boolean)
), answered AS (
    SELECT waits.*, answer.name, answer.recorded_at AS at
    FROM waits LEFT JOIN LATERAL (
        SELECT split_part(topic, '.', 1) AS name, recorded_at FROM ledger.stored_events AS later
        WHERE later.originator_id = waits.stream AND later.originator_version > waits.version
              AND split_part(topic, '.', 1) NOT IN ('StageStarted', 'FailedOver')  -- The answer comes behind them.
        ORDER BY later.originator_version LIMIT 1
    ) AS answer ON true
)
SELECT event_type,
       count(*) AS total,
       count(*) FILTER (WHERE name <> 'StageFailed') AS processed,
       count(*) FILTER (WHERE name = 'StageFailed') AS failed,
       count(*) FILTER (WHERE name IS NULL) AS pending,
       coalesce(avg(greatest(0, extract(epoch FROM at - from_at))), 0)::float8 AS latency_avg_s
FROM answered
GROUP BY event_type;
"""

DERIVED = {"ops.v_processing_rate": RATE}
