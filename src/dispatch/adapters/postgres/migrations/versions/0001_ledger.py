"""The ledger: events in the library's layout with their cause, the append function, and a view for people."""

from alembic import op

revision = "0001"
down_revision = None

TABLE = """
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE TABLE ledger.stored_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigserial NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text,
    correlation_id uuid,
    causation_id uuid,
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX stored_events_notification_id_idx ON ledger.stored_events (notification_id ASC);
CREATE INDEX stored_events_recorded_at_idx ON ledger.stored_events USING brin (recorded_at);
"""

APPEND = """
CREATE FUNCTION ledger.append(
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
    moved := EXISTS (
        SELECT FROM unnest(asked, expected) AS a (stream, version)
        WHERE a.version <> coalesce((
            SELECT max(e.originator_version) FROM ledger.stored_events e WHERE e.originator_id = a.stream
        ), 0)
    );
    IF NOT moved THEN  -- The usual case answers one row for all: everything was recorded, ending at this position.
        INSERT INTO ledger.stored_events
               (originator_id, originator_version, topic, state, actor, correlation_id, causation_id)
        SELECT * FROM unnest(streams, versions, topics, states, actors, correlations, causations);
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

READABLE = """
CREATE VIEW ledger.events AS
SELECT notification_id AS position, originator_id AS stream, originator_version AS version, topic AS name,
       convert_from(state, 'UTF8')::jsonb AS event, recorded_at, actor, correlation_id, causation_id
FROM ledger.stored_events;
"""

NATURAL_KEYS = """
CREATE SCHEMA IF NOT EXISTS intake;
CREATE TABLE intake.natural_keys (
    profile text NOT NULL,
    natural_key text NOT NULL,
    batch_id uuid NOT NULL,
    row_number bigint NOT NULL,
    PRIMARY KEY (profile, natural_key)
);
"""


def upgrade() -> None:
    for statement in (TABLE, APPEND, READABLE, NATURAL_KEYS):
        op.execute(statement)
