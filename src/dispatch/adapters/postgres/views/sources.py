"""Where rows come from by themselves, and what came last: `ops.sources`."""

from collections.abc import Sequence

from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.source.events import SourceAdded, SourceChecked, SourcePaused, SourceRemoved, SourceResumed
from dispatch.domain.source.state import SourceStatus

CREATE = """
CREATE TABLE {schema}.sources (
    source_id uuid PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    location text NOT NULL,
    profile text NOT NULL,
    error_threshold_percent integer NOT NULL,
    every_s integer NOT NULL,
    status text NOT NULL,
    added_by text NOT NULL,
    added_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    batches bigint NOT NULL DEFAULT 0,
    known_again bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    found_at timestamptz,
    found_file text NOT NULL DEFAULT '',
    found_batch_id uuid,
    found_refused text NOT NULL DEFAULT ''
);
"""
ADD = """
INSERT INTO {schema}.sources AS seen
       (source_id, name, kind, location, profile, error_threshold_percent, every_s, status, added_by, added_at,
        changed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'active', %s, %s, %s)
ON CONFLICT (source_id) DO UPDATE
SET kind = excluded.kind, location = excluded.location, profile = excluded.profile,
    error_threshold_percent = excluded.error_threshold_percent, every_s = excluded.every_s, status = excluded.status,
    added_by = excluded.added_by, added_at = excluded.added_at, changed_at = excluded.changed_at
"""
TURN = "UPDATE {schema}.sources SET status = %s, changed_at = %s WHERE source_id = %s"
FIND = """
UPDATE {schema}.sources
SET batches = batches + %s, known_again = known_again + %s, refused = refused + %s,
    found_at = %s, found_file = %s, found_batch_id = nullif(%s, '')::uuid, found_refused = %s
WHERE source_id = %s
"""


class SourcesView(View):
    """One row a source. Looks that found nothing are no events: `ops.source_checks` has the last one."""

    name = "sources"
    version = 1
    home = "ops"
    tables = ("sources",)
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        for record in recorded:
            match record.event:
                case SourceAdded() as added:
                    place = added.source_id, added.name, added.kind.value, added.location, added.profile
                    rest = added.error_threshold_percent, added.every_s, added.by, added.at, added.at
                    cursor.execute(self.sql(ADD), (*place, *rest))
                case SourcePaused(source_id=source_id, at=at):
                    cursor.execute(self.sql(TURN), (SourceStatus.PAUSED.value, at, source_id))
                case SourceResumed(source_id=source_id, at=at):
                    cursor.execute(self.sql(TURN), (SourceStatus.ACTIVE.value, at, source_id))
                case SourceRemoved(source_id=source_id, at=at):
                    cursor.execute(self.sql(TURN), (SourceStatus.REMOVED.value, at, source_id))
                case SourceChecked() as found:
                    counts = found.is_new, not found.is_new and not found.refused, bool(found.refused)
                    what = found.at, found.file_name, found.batch_id, found.refused, found.source_id
                    cursor.execute(self.sql(FIND), (*map(int, counts), *what))
                case _:
                    pass  # Nothing of a source.
