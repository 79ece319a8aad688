"""Replays of dead letters and the report of each job of them: `ops.replays`, `ops.replay_items`."""

from collections.abc import Sequence

import msgspec

from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.replay.events import (
    ReplayCompleted,
    ReplayItemsPicked,
    ReplayProgressed,
    ReplayRequested,
    ReplayStopped,
)

CREATE = """
CREATE TABLE {schema}.replays (
    replay_id uuid PRIMARY KEY,
    action text NOT NULL,
    stage text NOT NULL,
    selection jsonb NOT NULL,
    counted bigint NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    per_second double precision NOT NULL,
    requested_by text NOT NULL,
    reason text NOT NULL,
    status text NOT NULL,
    results jsonb NOT NULL DEFAULT '{}',
    requested_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    stopped_by text NOT NULL DEFAULT '',
    stop_reason text NOT NULL DEFAULT ''
);
CREATE INDEX replays_running_idx ON {schema}.replays (requested_at) WHERE status = 'running';
CREATE TABLE {schema}.replay_items (
    replay_id uuid NOT NULL REFERENCES {schema}.replays,
    number bigint NOT NULL,
    job_id uuid NOT NULL,
    version bigint NOT NULL,
    result text NOT NULL DEFAULT '',  -- empty until it was its turn
    PRIMARY KEY (replay_id, number)
);
"""
REQUEST = """
INSERT INTO {schema}.replays (replay_id, action, stage, selection, counted, per_second, requested_by, reason, status,
                              requested_at, changed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'running', %s, %s)
"""
PICK = """
INSERT INTO {schema}.replay_items (replay_id, number, job_id, version)
SELECT %s, %s + place - 1, job_id, version
FROM unnest(%s::text[]::uuid[], %s::bigint[]) WITH ORDINALITY AS item (job_id, version, place)
"""
REPORT = """
UPDATE {schema}.replay_items AS seen SET result = item.result
FROM unnest(%s::text[]) WITH ORDINALITY AS item (result, place)
WHERE seen.replay_id = %s AND seen.number = %s + item.place - 1
"""
PROGRESS = """
UPDATE {schema}.replays SET done = done + %s, changed_at = %s, results = results || (
    SELECT coalesce(jsonb_object_agg(result, times + coalesce((results ->> result)::bigint, 0)), '{}')
    FROM (SELECT result, count(*) AS times FROM unnest(%s::text[]) AS result GROUP BY result) AS counted
)
WHERE replay_id = %s
"""
STOP = """
UPDATE {schema}.replays SET status = 'stopped', stopped_by = %s, stop_reason = %s, changed_at = %s WHERE replay_id = %s
"""
COMPLETE = "UPDATE {schema}.replays SET status = 'completed', changed_at = %s WHERE replay_id = %s"


class ReplaysView(View):
    """How far each replay is, and what came of every job of it."""

    name = "replays"
    version = 1
    home = "ops"
    tables = ("replays", "replay_items")
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        for record in recorded:
            event = record.event
            match event:
                case ReplayRequested():
                    selection = msgspec.json.encode(event.selection).decode()
                    asked = (event.action.value, event.stage, selection, event.counted, event.per_second)
                    cursor.execute(
                        self.sql(REQUEST), (event.replay_id, *asked, event.by, event.reason, event.at, event.at)
                    )
                case ReplayItemsPicked(items=items):
                    columns = [item.job_id for item in items], [item.version for item in items]
                    cursor.execute(self.sql(PICK), (event.replay_id, event.first, *columns))
                case ReplayProgressed(items=items):
                    results = [item.result for item in items]
                    cursor.execute(self.sql(REPORT), (results, event.replay_id, event.first))
                    cursor.execute(self.sql(PROGRESS), (len(items), event.at, results, event.replay_id))
                case ReplayStopped():
                    cursor.execute(self.sql(STOP), (event.by, event.reason, event.at, event.replay_id))
                case ReplayCompleted():
                    cursor.execute(self.sql(COMPLETE), (event.at, event.replay_id))
                case _:
                    pass  # Events of jobs are the failures' matter.
