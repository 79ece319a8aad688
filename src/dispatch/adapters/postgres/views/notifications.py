"""Where each notification stands, and how many of each channel: `ops.notifications`, `ops.notification_counts`.

What a notification says, and to whom, is not here: only what its job is. Its id is the hash of its idempotency key.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dispatch.adapters.postgres.views.jobs import Move
from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.application.notifications.opening import KIND
from dispatch.application.ports.ledger import Recorded
from dispatch.domain.job.events import (
    DoubtSettled,
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobEvent,
    JobOpened,
    JobRerouted,
    JobResumed,
)

CREATE = """
CREATE TABLE {schema}.notifications (
    notification_id uuid PRIMARY KEY,
    channel text NOT NULL,
    kind text NOT NULL,
    priority text NOT NULL,
    reference text NOT NULL,
    created_at timestamptz NOT NULL,
    scheduled_at timestamptz,
    status text NOT NULL,
    stage text NOT NULL,
    attempts int NOT NULL,
    error_code text NOT NULL,
    changed_at timestamptz NOT NULL,
    due_at timestamptz  -- as in ops.jobs
) WITH (fillfactor = 70);
CREATE INDEX notifications_newest_idx ON {schema}.notifications (created_at DESC, notification_id DESC);
CREATE INDEX notifications_status_idx ON {schema}.notifications (status, created_at DESC, notification_id DESC);
CREATE TABLE {schema}.notification_counts (
    channel text PRIMARY KEY,
    accepted bigint NOT NULL,
    delivered bigint NOT NULL,
    blocked bigint NOT NULL,
    cancelled bigint NOT NULL,
    escalated bigint NOT NULL  -- now before a person
);
"""

OPEN = """
INSERT INTO {schema}.notifications (notification_id, channel, kind, priority, reference, created_at, scheduled_at,
                                    status, stage, attempts, error_code, changed_at, due_at)
SELECT * FROM unnest(%s::text[]::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],
                     %s::timestamptz[], %s::text[], %s::text[], %s::int[], %s::text[], %s::timestamptz[],
                     %s::timestamptz[])
"""
MOVE = """
UPDATE {schema}.notifications AS seen
SET status = coalesce(moved.status, seen.status), stage = coalesce(moved.stage, seen.stage),
    attempts = coalesce(moved.attempts, seen.attempts), error_code = coalesce(moved.error_code, seen.error_code),
    changed_at = coalesce(moved.changed_at, seen.changed_at),
    due_at = CASE WHEN moved.is_move THEN moved.due_at ELSE seen.due_at END
FROM unnest(%s::text[]::uuid[], %s::text[], %s::text[], %s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[],
            %s::boolean[])
     AS moved (notification_id, status, stage, attempts, error_code, changed_at, due_at, is_move)
WHERE seen.notification_id = moved.notification_id
"""
COUNTED = ("accepted", "delivered", "blocked", "cancelled", "escalated")
COUNT = """
INSERT INTO {schema}.notification_counts AS seen (channel, accepted, delivered, blocked, cancelled, escalated)
SELECT channel, sum(counted.a), sum(counted.d), sum(counted.b), sum(counted.c), sum(counted.e)
FROM unnest(%s::text[]::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
     AS counted (notification_id, a, d, b, c, e)
JOIN {schema}.notifications USING (notification_id)
GROUP BY channel
ON CONFLICT (channel) DO UPDATE
SET accepted = seen.accepted + excluded.accepted, delivered = seen.delivered + excluded.delivered,
    blocked = seen.blocked + excluded.blocked, cancelled = seen.cancelled + excluded.cancelled,
    escalated = seen.escalated + excluded.escalated
"""


class NotificationsView(View):
    """One row per notification, and sums of events per channel."""

    name = "notifications"
    version = 1
    home = "ops"
    tables = ("notifications", "notification_counts")
    create = CREATE

    def project(self, cursor: Cursor, recorded: Sequence[Recorded]) -> None:
        opened: dict[str, tuple[Any, ...]] = {}
        moves: dict[str, Move] = {}
        counts: Counter[tuple[str, str]] = Counter()
        for record in recorded:
            event, stream = record.event, record.stream
            if record.correlation_id or not isinstance(event, JobEvent):
                continue  # What belongs to a batch is no notification.
            if isinstance(event, JobOpened):
                if not event.channel:
                    continue
                kind, at = event.details.get(KIND, ""), event.scheduled_at
                opened[stream] = (stream, event.channel, kind, event.priority.value, event.reference, event.at, at)
            moves.setdefault(stream, Move()).apply(event, event.at, record.version)
            _count(counts, stream, event)
        new = [(*row, *moves.pop(stream).columns()[:-1]) for stream, row in opened.items()]
        if new:
            cursor.execute(self.sql(OPEN), _columns(new))
        if moves:
            cursor.execute(self.sql(MOVE), _columns([(stream, *move.changes()[:-1]) for stream, move in moves.items()]))
        if counts:
            streams = sorted({stream for stream, _ in counts})
            cursor.execute(
                self.sql(COUNT), [streams, *([counts[stream, name] for stream in streams] for name in COUNTED)]
            )


def _count(counts: Counter[tuple[str, str]], stream: str, event: JobEvent) -> None:
    match event:
        case JobOpened():
            counts[stream, "accepted"] += 1
        case JobDelivered():
            counts[stream, "delivered"] += 1
        case JobBlocked():
            counts[stream, "blocked"] += 1
        case JobCancelled(was_escalated=was_escalated):
            counts[stream, "cancelled"] += 1
            counts[stream, "escalated"] -= was_escalated
        case JobEscalated():
            counts[stream, "escalated"] += 1
        case JobArchived():
            counts[stream, "cancelled"] += 1
            counts[stream, "escalated"] -= 1
        case JobResumed() | DoubtSettled() | JobRerouted():
            counts[stream, "escalated"] -= 1
        case _:
            pass  # It neither ends a notification nor brings it before a person.


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
