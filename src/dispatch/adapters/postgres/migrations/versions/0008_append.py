"""Appending reads its arrays without putting them aside: a seventh less of Postgres' time for each event."""

from alembic import op

revision = "0008"
down_revision = "0007"

APPEND = """
CREATE OR REPLACE FUNCTION ledger.append(
    -- one of each per append; no stream twice
    asked uuid[], expected bigint[],
    -- one of each per event
    streams uuid[], versions bigint[], topics text[], states bytea[],
    actors text[], correlations uuid[], causations uuid[]
) RETURNS TABLE (
    found bigint,    -- the version at which the stream was found
    already bigint,  -- the position of the first event, where this very command had been recorded before
    head bigint      -- the last position of what this call recorded
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    moved boolean;
BEGIN
    -- Held to the commit: positions become visible in the order in which they are given out, so no reader skips one.
    -- Each statement below has its own snapshot (READ COMMITTED), taken when the lock is held.
    PERFORM pg_advisory_xact_lock(7235441202855961448);
    -- unnest in the list, not behind FROM: there the rows would be put aside before the first is read.
    moved := EXISTS (
        SELECT FROM (SELECT unnest(asked) AS stream, unnest(expected) AS version) AS a
        WHERE a.version <> coalesce((
            SELECT max(e.originator_version) FROM ledger.stored_events e WHERE e.originator_id = a.stream
        ), 0)
    );
    IF NOT moved THEN  -- The usual case answers one row for all: everything was recorded, ending at this position.
        INSERT INTO ledger.stored_events
               (originator_id, originator_version, topic, state, actor, correlation_id, causation_id)
        SELECT unnest(streams), unnest(versions), unnest(topics), unnest(states),
               unnest(actors), unnest(correlations), unnest(causations);
        RETURN QUERY SELECT NULL::bigint, NULL::bigint, currval('ledger.stored_events_notification_id_seq');
        RETURN;
    END IF;
    RETURN QUERY
    WITH present AS MATERIALIZED (
        SELECT a.*, coalesce((
            SELECT max(e.originator_version) FROM ledger.stored_events e WHERE e.originator_id = a.stream
        ), 0) AS at
        FROM unnest(asked, expected) WITH ORDINALITY AS a (stream, version, number)
    ), recorded AS (
        INSERT INTO ledger.stored_events
               (originator_id, originator_version, topic, state, actor, correlation_id, causation_id)
        SELECT e.stream, e.version, e.topic, e.state, e.actor, e.correlation, e.causation
        FROM unnest(streams, versions, topics, states, actors, correlations, causations) WITH ORDINALITY
             AS e (stream, version, topic, state, actor, correlation, causation, number)
        JOIN present p ON p.stream = e.stream
        WHERE p.at = p.version
        ORDER BY e.number
        RETURNING notification_id
    )
    SELECT p.at,
           CASE WHEN p.at > p.version THEN (
               SELECT e.notification_id FROM ledger.stored_events e
               WHERE e.originator_id = p.stream AND e.originator_version = p.version + 1
                 AND e.causation_id = causations[array_position(streams, p.stream)]
           ) END,
           (SELECT max(r.notification_id) FROM recorded r)
    FROM present p ORDER BY p.number;
END $$;
"""


def upgrade() -> None:
    op.execute(APPEND)
