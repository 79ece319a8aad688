"""What is paused, by whom and why, and what was last: `ops.pauses`."""

from collections.abc import Sequence

from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.control.events import WorkPaused, WorkResumed

CREATE = """
CREATE TABLE {schema}.pauses (
    pause_id uuid PRIMARY KEY,
    scope text NOT NULL,
    name text NOT NULL,
    paused_by text NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    resumed_at timestamptz,
    resumed_by text NOT NULL DEFAULT '',
    times bigint NOT NULL DEFAULT 1
);
"""
# One that is prolonged, or gets another reason, is the same pause: it counts from its beginning.
PAUSE = """
INSERT INTO {schema}.pauses AS seen (pause_id, scope, name, paused_by, reason, since, until)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (pause_id) DO UPDATE
SET paused_by = excluded.paused_by, reason = excluded.reason, until = excluded.until, resumed_at = NULL,
    resumed_by = '', since = CASE WHEN seen.resumed_at IS NULL AND coalesce(seen.until > excluded.since, true)
                                  THEN seen.since ELSE excluded.since END,
    times = seen.times + 1
"""
RESUME = "UPDATE {schema}.pauses SET resumed_at = %s, resumed_by = %s WHERE pause_id = %s"


class PausesView(View):
    """One row per target that was ever paused. The ledger has every pause; this has the last one."""

    name = "pauses"
    version = 1
    home = "ops"
    tables = ("pauses",)
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        for record in recorded:
            match record.event:
                case WorkPaused() as paused:
                    what = paused.pause_id, paused.scope.value, paused.name, paused.by, paused.reason
                    cursor.execute(self.sql(PAUSE), (*what, paused.at, paused.until))
                case WorkResumed(pause_id=pause_id, at=at, by=by):
                    cursor.execute(self.sql(RESUME), (at, by, pause_id))
                case _:
                    pass  # Nothing of a pause.
