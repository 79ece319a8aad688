"""Where each batch stands, and the values of it that were refused: `intake.batches`, `intake.row_errors`."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from dispatch.adapters.postgres.views.view import Cursor, View, batch_of
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.batch.events import (
    ApprovalEscalated,
    ApprovalRequested,
    BatchAdmitted,
    BatchApproved,
    BatchClosed,
    BatchJudged,
    BatchPrioritised,
    BatchReceived,
    BatchRejected,
    BatchReset,
    BatchUndone,
    ChunkAdmitted,
    CorrectionJudged,
    CorrectionReceived,
    RowsRefused,
    RowsRepaired,
    UndoRequested,
)
from dispatch.domain.job.events import (
    DoubtSettled,
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobRerouted,
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
    archived bigint NOT NULL DEFAULT 0,
    parse_duration_ms bigint NOT NULL DEFAULT 0,
    db_duration_ms bigint NOT NULL DEFAULT 0,
    priority text NOT NULL DEFAULT 'normal',
    value_pence bigint NOT NULL DEFAULT 0,
    stopped_at_row bigint NOT NULL DEFAULT 0,
    approval_reason text NOT NULL DEFAULT '',
    approval_level int NOT NULL DEFAULT 0,
    approval_due_at timestamptz,
    decided_by text NOT NULL DEFAULT '',
    corrections int NOT NULL DEFAULT 0,
    corrections_judged int NOT NULL DEFAULT 0,
    repaired bigint NOT NULL DEFAULT 0,
    resets int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    ids_from timestamptz NOT NULL,  -- the ids of its jobs begin with this moment
    judged_at timestamptz,
    admitted_at timestamptz,
    closed_at timestamptz,
    UNIQUE (file_hash, run)
);
CREATE INDEX batches_created_at_idx ON {schema}.batches (created_at DESC);
CREATE INDEX batches_status_idx ON {schema}.batches (status);
CREATE INDEX batches_corrections_idx ON {schema}.batches (batch_id) WHERE corrections_judged < corrections;
CREATE INDEX batches_file_hash_idx ON {schema}.batches (file_hash);
CREATE TABLE {schema}.row_errors (
    batch_id uuid NOT NULL REFERENCES {schema}.batches,
    row_number bigint NOT NULL,
    column_name text NOT NULL,
    error_code text NOT NULL,
    line_number bigint NOT NULL,
    correction int NOT NULL DEFAULT 0,
    found text NOT NULL,  -- of personal columns only the shape
    expected text NOT NULL,
    fix text NOT NULL,
    PRIMARY KEY (batch_id, row_number, column_name, error_code)
);
"""

RECEIVE = """
INSERT INTO {schema}.batches (batch_id, run, file_name, file_hash, file_bytes, profile, received_by, status,
                              error_threshold_percent, priority, created_at, ids_from)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'uploaded', %s, %s, %s, %s)
"""
JUDGE = """
UPDATE {schema}.batches SET status = 'admitting', rows = %s, accepted = %s, rejected = %s, duplicates = %s,
       errors_by_code = %s, parse_duration_ms = %s, value_pence = %s, stopped_at_row = %s, judged_at = %s,
       corrections_judged = corrections
WHERE batch_id = %s
"""
REJECT = """
UPDATE {schema}.batches SET status = 'rejected', rejection_code = %s, rejection_reason = %s, decided_by = %s,
       closed_at = %s, approval_due_at = NULL
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
INSERT INTO {schema}.row_errors (batch_id, correction, row_number, line_number, column_name, error_code, found,
                                 expected, fix)
SELECT %s::uuid, %s::int, error.* FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[],
                                              %s::text[], %s::text[]) AS error
ON CONFLICT DO NOTHING
"""
FORGET_ROWS = """
DELETE FROM {schema}.row_errors WHERE batch_id = %s AND row_number = ANY(%s::bigint[]) AND correction < %s
"""
FORGET_ALL = "DELETE FROM {schema}.row_errors WHERE batch_id = %s"
ASK = """
UPDATE {schema}.batches SET status = 'awaiting_approval', approval_reason = %s, approval_level = 1, approval_due_at = %s
WHERE batch_id = %s
"""
ASK_HIGHER = "UPDATE {schema}.batches SET approval_level = %s, approval_due_at = %s WHERE batch_id = %s"
APPROVE = """
UPDATE {schema}.batches SET status = 'admitting', decided_by = %s, approval_due_at = NULL WHERE batch_id = %s
"""
PRIORITISE = "UPDATE {schema}.batches SET priority = %s WHERE batch_id = %s"
CORRECT = "UPDATE {schema}.batches SET corrections = %s WHERE batch_id = %s"
JUDGE_AGAIN = """
UPDATE {schema}.batches SET status = 'uploaded', rejection_code = '', rejection_reason = '', decided_by = '',
       approval_reason = '', approval_level = 0, approval_due_at = NULL, closed_at = NULL
WHERE batch_id = %s
"""
REPAIR = """
UPDATE {schema}.batches SET status = 'processing', closed_at = NULL, jobs = jobs + %s, accepted = accepted + %s,
       duplicates = duplicates + %s, rejected = rejected - %s, repaired = repaired + %s
WHERE batch_id = %s
"""
JUDGE_CORRECTION = "UPDATE {schema}.batches SET corrections_judged = %s, errors_by_code = %s WHERE batch_id = %s"
UNDO = "UPDATE {schema}.batches SET status = 'undoing', closed_at = NULL WHERE batch_id = %s"
UNDONE = "UPDATE {schema}.batches SET status = 'undone', closed_at = %s WHERE batch_id = %s"
RESET = """
UPDATE {schema}.batches SET resets = resets + 1, error_threshold_percent = %s, ids_from = %s, rows = 0, accepted = 0,
       rejected = 0, duplicates = 0, errors_by_code = '{}', jobs = jobs - cancelled, cancelled = 0, repaired = 0,
       value_pence = 0, stopped_at_row = 0, parse_duration_ms = 0, db_duration_ms = 0, judged_at = NULL,
       admitted_at = NULL, corrections_judged = 0
WHERE batch_id = %s
"""
COUNT = """
UPDATE {schema}.batches AS batch
SET delivered = delivered + counted.d, blocked = blocked + counted.b, cancelled = cancelled + counted.c,
    escalated = escalated + counted.e, archived = archived + counted.a
FROM unnest(%s::text[]::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
     AS counted (batch_id, d, b, c, e, a)
WHERE batch.batch_id = counted.batch_id
"""


class BatchesView(View):
    """Counts are sums of events: each job ends once, and is before a person once until it is sent on."""

    name = "batches"
    version = 3
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
                case JobResumed() | DoubtSettled() | JobRerouted():
                    counts.setdefault(batch_id, Counter())["escalated"] -= 1
                case JobCancelled(was_escalated=was_escalated):
                    counts.setdefault(batch_id, Counter())["cancelled"] += 1
                    counts[batch_id]["escalated"] -= was_escalated
                case JobArchived():
                    counts.setdefault(batch_id, Counter()).update(archived=1, escalated=-1)
                case _:
                    self._project_batch(cursor, record)
        if counts:
            names = ("delivered", "blocked", "cancelled", "escalated", "archived")
            columns = [list(counts), *([count[name] for count in counts.values()] for name in names)]
            cursor.execute(self.sql(COUNT), columns)

    def _project_batch(self, cursor: Cursor, record: Recorded) -> None:
        event = record.event
        match event:
            case BatchReceived():
                self._receive(cursor, event)
            case RowsRefused():
                self._refuse(cursor, event)
            case BatchJudged():
                codes = msgspec.json.encode(event.errors_by_code).decode()
                counted = (event.rows, event.accepted, event.rejected, event.duplicates, codes)
                judged = (event.parse_duration_ms, event.value_pence, event.stopped_at_row, event.at)
                cursor.execute(self.sql(JUDGE), (*counted, *judged, event.batch_id))
            case BatchRejected():
                cursor.execute(self.sql(REJECT), (event.code, event.reason, event.by, event.at, event.batch_id))
            case ChunkAdmitted(jobs=jobs, duplicates=duplicates):
                cursor.execute(self.sql(ADMIT_CHUNK), (jobs, duplicates, duplicates, event.batch_id))
            case BatchAdmitted():
                cursor.execute(self.sql(ADMIT), (event.db_duration_ms, event.at, event.batch_id))
            case BatchClosed():
                cursor.execute(self.sql(CLOSE), (event.outcome, event.at, event.batch_id))
            case _:
                self._project_decision(cursor, record)

    def _project_decision(self, cursor: Cursor, record: Recorded) -> None:
        """What people decide about a batch, and what follows from it."""
        event = record.event
        match event:
            case ApprovalRequested():
                cursor.execute(self.sql(ASK), (event.reason, event.due_at, event.batch_id))
            case ApprovalEscalated():
                cursor.execute(self.sql(ASK_HIGHER), (event.level, event.due_at, event.batch_id))
            case BatchApproved():
                cursor.execute(self.sql(APPROVE), (event.by, event.batch_id))
            case BatchPrioritised():
                cursor.execute(self.sql(PRIORITISE), (event.priority.value, event.batch_id))
            case CorrectionReceived():
                cursor.execute(self.sql(CORRECT), (event.correction, event.batch_id))
                if event.rejudges:
                    self._judge_again(cursor, event.batch_id)
            case RowsRepaired(rows=rows, duplicates=duplicates):
                mended = len(rows) + len(duplicates)
                counted = (len(rows), len(rows), len(duplicates), mended, mended)
                cursor.execute(self.sql(REPAIR), (*counted, event.batch_id))
                forgotten = ([*rows, *duplicates], event.correction)
                cursor.execute(self.sql(FORGET_ROWS), (event.batch_id, *forgotten))
            case CorrectionJudged():
                codes = msgspec.json.encode(event.errors_by_code).decode()
                cursor.execute(self.sql(JUDGE_CORRECTION), (event.correction, codes, event.batch_id))
            case UndoRequested():
                cursor.execute(self.sql(UNDO), (event.batch_id,))
            case BatchUndone():
                cursor.execute(self.sql(UNDONE), (event.at, event.batch_id))
            case BatchReset():
                self._judge_again(cursor, event.batch_id)
                cursor.execute(self.sql(RESET), (event.error_threshold_percent, event.at, event.batch_id))
            case _:
                pass  # Other events of jobs change nothing of their batch.

    def _receive(self, cursor: Cursor, event: BatchReceived) -> None:
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
                event.priority.value,
                event.at,
                event.at,
            ),
        )

    def _refuse(self, cursor: Cursor, event: RowsRefused) -> None:
        errors = event.errors
        if event.correction:
            rows = sorted({error.row for error in errors})
            cursor.execute(self.sql(FORGET_ROWS), (event.batch_id, rows, event.correction))
        values = [(e.row, e.line, e.column, e.code.value, e.found, e.expected, e.fix) for e in errors]
        columns = [list(column) for column in zip(*values, strict=True)]
        cursor.execute(self.sql(REFUSE), (event.batch_id, event.correction, *columns))

    def _judge_again(self, cursor: Cursor, batch_id: str) -> None:
        cursor.execute(self.sql(JUDGE_AGAIN), (batch_id,))
        cursor.execute(self.sql(FORGET_ALL), (batch_id,))
