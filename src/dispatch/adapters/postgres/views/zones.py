"""The changes of the zone: `ops.zone_changes`."""

from collections.abc import Sequence

import msgspec

from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.zone.events import ZoneChanged

CREATE = """
CREATE TABLE {schema}.zone_changes (
    position bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    zone text NOT NULL,
    before text NOT NULL,
    readings jsonb NOT NULL
);
"""
CHANGE = "INSERT INTO {schema}.zone_changes (position, at, zone, before, readings) VALUES (%s, %s, %s, %s, %s)"


class ZonesView(View):
    """One row per change: there are few of them."""

    name = "zones"
    version = 1
    home = "ops"
    tables = ("zone_changes",)
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        for record in recorded:
            match record.event:
                case ZoneChanged(at=at, zone=zone, before=before, readings=readings):
                    why = msgspec.json.encode(readings).decode()
                    cursor.execute(self.sql(CHANGE), (record.position, at, zone.value, before.value, why))
                case _:
                    pass  # Nothing about the zone.
