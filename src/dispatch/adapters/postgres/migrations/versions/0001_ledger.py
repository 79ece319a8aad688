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
    -- one of each per append
    streams uuid[], expected bigint[], causations uuid[], correlations uuid[], actors text[],
    -- one of each per event: the number of its append (from 1), its version, name and bytes
    owners int[], versions bigint[], topics text[], states bytea[]
) RETURNS TABLE (
    found bigint,    -- the version at which the stream was found
    already bigint,  -- the position of the first event, where this very command had been recorded before
    head bigint      -- the last position of the ledger after this call
) LANGUAGE plpgsql AS $$
BEGIN
    -- Held to the commit: positions become visible in the order in which they are given out, so no reader skips one.
    PERFORM pg_advisory_xact_lock(7235441202855961448);
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT a.*, coalesce((
            SELECT max(e.originator_version) FROM ledger.stored_events e WHERE e.originator_id = a.stream
        ), 0) AS at
        FROM unnest(streams, expected, causations, correlations, actors)
             WITH ORDINALITY AS a (stream, version, causation, correlation, actor, number)
    ), recorded AS (
        INSERT INTO ledger.stored_events
               (originator_id, originator_version, topic, state, actor, correlation_id, causation_id)
        SELECT a.stream, e.version, e.topic, e.state, a.actor, a.correlation, a.causation
        FROM unnest(owners, versions, topics, states) WITH ORDINALITY AS e (owner, version, topic, state, number)
        JOIN asked a ON a.number = e.owner
        WHERE a.at = a.version
        ORDER BY e.number
        RETURNING notification_id
    )
    SELECT a.at,
           CASE WHEN a.at > a.version THEN (
               SELECT e.notification_id FROM ledger.stored_events e
               WHERE e.originator_id = a.stream AND e.originator_version = a.version + 1
                 AND e.causation_id = a.causation
           ) END,
           (SELECT max(r.notification_id) FROM recorded r)
    FROM asked a ORDER BY a.number;
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
