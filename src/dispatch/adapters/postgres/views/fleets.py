"""How many processes of each role were asked for last: `ops.fleets`."""

from collections.abc import Sequence

from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.fleet.events import RoleScaled

CREATE = """
CREATE TABLE {schema}.fleets (
    role text PRIMARY KEY,
    processes integer NOT NULL,
    asked_by text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    position bigint NOT NULL
);
"""
SCALE = """
INSERT INTO {schema}.fleets (role, processes, asked_by, reason, at, position) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (role) DO UPDATE
SET processes = excluded.processes, asked_by = excluded.asked_by, reason = excluded.reason, at = excluded.at,
    position = excluded.position
"""


class FleetsView(View):
    """One row per role that was ever scaled."""

    name = "fleets"
    version = 1
    home = "ops"
    tables = ("fleets",)
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        for record in recorded:
            match record.event:
                case RoleScaled(role=role, processes=processes, by=by, reason=reason, at=at):
                    cursor.execute(self.sql(SCALE), (role.value, processes, by, reason, at, record.position))
                case _:
                    pass  # Nothing about numbers of processes.
