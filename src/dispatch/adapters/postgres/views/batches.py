"""Where each batch stands, and the values of it that were refused: `intake.batches`, `intake.row_errors`."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from dispatch.adapters.postgres.views.view import Cursor, View, batch_of
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.batch.events import (
    BatchAdmitted,
    BatchClosed,
    BatchJudged,
    BatchReceived,
    BatchRejected,
    ChunkAdmitted,
    RowsRefused,
)
from dispatch.domain.job.events import (
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobResumed,
)

CREATE = """
CREATE TABLE {schema}.batches (
    batch_id uuid PRIMARY KEY,
    run int NOT NULL,
    file_name text NOT NULL,
    file_hash text NOT NULL,
    file_bytes bigint NOT NULL,
    profile text NOT NULL,
    received_by text NOT NULL,
    status text NOT NULL,
    error_threshold_percent int NOT NULL DEFAULT 10,
    rejection_code text NOT NULL DEFAULT '',
    rejection_reason text NOT NULL DEFAULT '',
    rows bigint NOT NULL DEFAULT 0,
    accepted bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    errors_by_code jsonb NOT NULL DEFAULT '{}',
    jobs bigint NOT NULL DEFAULT 0,
    delivered bigint NOT NULL DEFAULT 0,
    blocked bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0,
    escalated bigint NOT NULL DEFAULT 0,
    parse_duration_ms bigint NOT NULL DEFAULT 0,
    db_duration_ms bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    judged_at timestamptz,
    admitted_at timestamptz,
    closed_at timestamptz,
    UNIQUE (file_hash, run)
);
CREATE INDEX batches_created_at_idx ON {schema}.batches (created_at DESC);
CREATE INDEX batches_status_idx ON {schema}.batches (status);
CREATE INDEX batches_file_hash_idx ON {schema}.batches (file_hash);
CREATE TABLE {schema}.row_errors (
    batch_id uuid NOT NULL REFERENCES {schema}.batches,
    row_number bigint NOT NULL,
    column_name text NOT NULL,
    error_code text NOT NULL,
    line_number bigint NOT NULL,
    found text NOT NULL,  -- of personal columns only the shape
    expected text NOT NULL,
    fix text NOT NULL,
    PRIMARY KEY (batch_id, row_number, column_name, error_code)
);
"""

RECEIVE = """
INSERT INTO {schema}.batches (batch_id, run, file_name, file_hash, file_bytes, profile, received_by, status,
                              error_threshold_percent, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'uploaded', %s, %s)
"""
JUDGE = """
UPDATE {schema}.batches SET status = 'admitting', rows = %s, accepted = %s, rejected = %s, duplicates = %s,
       errors_by_code = %s, parse_duration_ms = %s, judged_at = %s
WHERE batch_id = %s
"""
REJECT = """
UPDATE {schema}.batches SET status = 'rejected', rejection_code = %s, rejection_reason = %s, closed_at = %s
WHERE batch_id = %s
"""
ADMIT_CHUNK = """
UPDATE {schema}.batches SET jobs = jobs + %s, duplicates = duplicates + %s, accepted = accepted - %s
WHERE batch_id = %s
"""
ADMIT = """
UPDATE {schema}.batches SET status = 'processing', db_duration_ms = %s, admitted_at = %s WHERE batch_id = %s
"""
CLOSE = "UPDATE {schema}.batches SET status = %s, closed_at = %s WHERE batch_id = %s"
REFUSE = """
INSERT INTO {schema}.row_errors (batch_id, row_number, line_number, column_name, error_code, found, expected, fix)
SELECT %s::uuid, error.* FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
                                     %s::text[]) AS error
ON CONFLICT DO NOTHING
"""
COUNT = """
UPDATE {schema}.batches AS batch
SET delivered = delivered + counted.d, blocked = blocked + counted.b, cancelled = cancelled + counted.c,
    escalated = escalated + counted.e
FROM unnest(%s::text[]::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
     AS counted (batch_id, d, b, c, e)
WHERE batch.batch_id = counted.batch_id
"""


class BatchesView(View):
    """Counts are sums of events: each job ends once, and is before a person once until it is sent on."""

    name = "batches"
    version = 1
    home = "intake"
    tables = ("batches", "row_errors")
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        counts: dict[str, Counter[str]] = {}
        for record in recorded:
            event, batch_id = record.event, batch_of(record)
            match event:
                case JobDelivered():
                    counts.setdefault(batch_id, Counter())["delivered"] += 1
                case JobBlocked():
                    counts.setdefault(batch_id, Counter())["blocked"] += 1
                case JobEscalated():
                    counts.setdefault(batch_id, Counter())["escalated"] += 1
                case JobResumed():
                    counts.setdefault(batch_id, Counter())["escalated"] -= 1
                case JobCancelled(was_escalated=was_escalated):
                    counts.setdefault(batch_id, Counter())["cancelled"] += 1
                    counts[batch_id]["escalated"] -= was_escalated
                case _:
                    self._project_batch(cursor, record)
        if counts:
            names = ("delivered", "blocked", "cancelled", "escalated")
            columns = [list(counts), *([count[name] for count in counts.values()] for name in names)]
            cursor.execute(self.sql(COUNT), columns)

    def _project_batch(self, cursor: Cursor, record: Recorded) -> None:
        event = record.event
        match event:
            case BatchReceived():
                cursor.execute(
                    self.sql(RECEIVE),
                    (
                        event.batch_id,
                        event.run,
                        event.file_name,
                        event.file_hash,
                        event.file_bytes,
                        event.profile,
                        event.by,
                        event.error_threshold_percent,
                        event.at,
                    ),
                )
            case RowsRefused(errors=errors):
                rows = [(e.row, e.line, e.column, e.code.value, e.found, e.expected, e.fix) for e in errors]
                columns = [list(column) for column in zip(*rows, strict=True)]
                cursor.execute(self.sql(REFUSE), (event.batch_id, *columns))
            case BatchJudged():
                codes = msgspec.json.encode(event.errors_by_code).decode()
                counted = (event.rows, event.accepted, event.rejected, event.duplicates, codes)
                cursor.execute(self.sql(JUDGE), (*counted, event.parse_duration_ms, event.at, event.batch_id))
            case BatchRejected():
                cursor.execute(self.sql(REJECT), (event.code, event.reason, event.at, event.batch_id))
            case ChunkAdmitted(jobs=jobs, duplicates=duplicates):
                cursor.execute(self.sql(ADMIT_CHUNK), (jobs, duplicates, duplicates, event.batch_id))
            case BatchAdmitted():
                cursor.execute(self.sql(ADMIT), (event.db_duration_ms, event.at, event.batch_id))
            case BatchClosed():
                cursor.execute(self.sql(CLOSE), (event.outcome, event.at, event.batch_id))
            case _:
                pass  # Other events of jobs change nothing of their batch.
