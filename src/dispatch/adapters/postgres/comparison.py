"""The ledger and the views side by side in one read-only snapshot: set-based, page by page along the ids of jobs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast, get_args

import psycopg
from psycopg.rows import tuple_row

from dispatch.adapters.codec import decode
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.reconciling import (
    BatchHistory,
    JobCount,
    JobPage,
    SentJob,
    Snapshot,
    Span,
    SuspectJob,
    ViewedBatch,
    ViewedJob,
    ViewLag,
)
from dispatch.application.react import queue_after
from dispatch.domain.batch.events import Event as BatchEvent
from dispatch.domain.batch.state import ENDED
from dispatch.domain.job.events import Event as JobEvent

JOBS_PER_PAGE = 10_000
EVENTS_PER_PAGE, PAGES_OF_WORK_MAX = 5_000, 10
STATEMENT_TIMEOUT = "60s"
JOB_EVENTS = [kind.__name__ for kind in get_args(JobEvent)]

BEGIN = f"""
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}';
SET LOCAL work_mem = '64MB';
SET LOCAL jit = off;
"""
HEAD = "SELECT now(), coalesce(max(notification_id), 0) FROM ledger.stored_events"
SEEN = "SELECT coalesce(min(position), 0) FROM ops.positions WHERE view IN ('jobs', 'batches')"
BATCHES = """
WITH moved AS MATERIALIZED (
    SELECT DISTINCT coalesce(correlation_id, originator_id) AS batch_id FROM ledger.stored_events
    WHERE recorded_at >= coalesce(%(since)s::timestamptz, 'infinity')
)
SELECT originator_id::text FROM ledger.stored_events AS event
WHERE originator_version = 1 AND split_part(topic, '.', 1) = 'BatchReceived'
  AND (%(batch_id)s::text IS NULL OR originator_id = %(batch_id)s::text::uuid)
  AND (%(since)s::timestamptz IS NULL OR EXISTS (SELECT FROM moved WHERE moved.batch_id = event.originator_id))
ORDER BY notification_id
"""
OPEN_BATCHES = """
SELECT batch_id::text FROM intake.batches WHERE status <> ALL(%s) ORDER BY created_at LIMIT 1000
"""
HISTORY = """
SELECT topic, state, recorded_at, notification_id FROM ledger.stored_events
WHERE originator_id = %s::text::uuid AND split_part(topic, '.', 1) <> 'RowsRefused' ORDER BY originator_version
"""
VIEWED_BATCH = """
SELECT status, jobs, delivered, blocked, cancelled, archived, escalated
FROM intake.batches WHERE batch_id = %s::text::uuid
"""
BOUND = """
SELECT max(id::text), count(*), EXISTS (
    SELECT FROM ops.jobs WHERE job_id > %(after)s::text::uuid AND job_id <= %(through)s::text::uuid
) FROM (
    SELECT DISTINCT originator_id AS id FROM ledger.stored_events
    WHERE originator_id > %(after)s::text::uuid AND originator_id <= %(through)s::text::uuid
    ORDER BY 1 LIMIT %(limit)s
) AS streams
"""
# One row per job: the versions at which something happened say where it stands. Stages are looked for in the stored
# bytes, which are stable; only the last one of each job is read as JSON. OFFSET 0: each expression once per event.
FACTS = """
events AS (
    SELECT originator_id, originator_version AS version, notification_id AS position, recorded_at, correlation_id,
           split_part(topic, '.', 1) AS name,
           topic LIKE 'StageCompleted%%' AND position('"stage":"dispatch"'::bytea IN state) > 0 AS sends,
           topic LIKE 'StageStarted%%' AND position('"stage":"dispatch"'::bytea IN state) > 0 AS begins,
           topic LIKE 'StageCompleted%%' AND position('"stage":"clear"'::bytea IN state) > 0 AS clears
    FROM ledger.stored_events WHERE {streams} OFFSET 0
), facts AS MATERIALIZED (
    SELECT originator_id AS job_id, (array_agg(correlation_id))[1]::text AS batch_id, count(*) AS events,
           min(version) AS first, max(version) AS version, count(*) FILTER (WHERE position <= %(seen)s) AS seen,
           max(recorded_at) AS moved_at,
           coalesce(max(version) FILTER (WHERE name = 'JobDelivered'), 0) AS delivered,
           coalesce(max(version) FILTER (WHERE name = 'JobBlocked'), 0) AS blocked,
           coalesce(max(version) FILTER (WHERE name = 'JobCancelled'), 0) AS cancelled,
           coalesce(max(version) FILTER (WHERE name = 'JobArchived'), 0) AS archived,
           coalesce(max(version) FILTER (WHERE name = 'JobEscalated'), 0) AS escalated,
           coalesce(max(version) FILTER (WHERE name IN ('RetryScheduled', 'StageDeferred')), 0) AS waiting,
           coalesce(max(version) FILTER (
               WHERE name IN ('JobOpened', 'StageStarted', 'FailedOver', 'StageCompleted', 'JobResumed',
                             'DoubtSettled', 'JobRerouted', 'RecipientRefused')), 0) AS running,
           coalesce(max(version) FILTER (WHERE name = 'StageStarted'), 0) AS started,
           coalesce(max(version) FILTER (WHERE name IN ('StageCompleted', 'StageFailed')), 0) AS answered,
           max(version) FILTER (WHERE name IN ('StageStarted', 'StageCompleted', 'RecipientRefused')) AS staged,
           count(*) FILTER (WHERE sends) AS sends, min(version) FILTER (WHERE sends) AS sent,
           min(version) FILTER (WHERE begins) AS began, min(version) FILTER (WHERE clears) AS cleared
    FROM events GROUP BY originator_id HAVING bool_or(name = ANY(%(job_events)s))
), standing AS (
    SELECT facts.*, CASE greatest(delivered, blocked, cancelled, archived, escalated, waiting, running)
        WHEN archived THEN 'archived'
        WHEN delivered THEN 'delivered' WHEN blocked THEN 'blocked' WHEN cancelled THEN 'cancelled'
        WHEN escalated THEN 'escalated' WHEN waiting THEN 'waiting' ELSE 'running' END AS status,
        coalesce(nullif(last.event->>'next_stage', ''), last.event->>'stage') AS stage
    FROM facts LEFT JOIN LATERAL (
        SELECT convert_from(state, 'UTF8')::json AS event FROM ledger.stored_events
        WHERE originator_id = facts.job_id AND originator_version = facts.staged OFFSET 0
    ) AS last ON true
)
"""
# Rather one too many: each suspect is judged by the rules of the domain.
SUSPECTS = """
, looked AS (
    SELECT coalesce(fact.job_id, viewed.job_id) AS job_id, coalesce(fact.batch_id, viewed.batch_id::text) AS batch_id,
           coalesce(fact.seen, 0) AS seen, fact.moved_at, viewed.status AS viewed_status, viewed.stage AS viewed_stage,
           viewed.version AS viewed_version
    FROM standing AS fact FULL JOIN (SELECT * FROM ops.jobs WHERE {viewed}) AS viewed USING (job_id)
    WHERE fact.job_id IS NULL OR first <> 1 OR events <> fact.version OR running = 0
       OR (seen > 0 AND (viewed.version IS DISTINCT FROM seen OR (seen = events AND (
              viewed.status IS DISTINCT FROM fact.status OR (fact.stage IS NOT NULL AND viewed.stage <> fact.stage)))))
       OR (fact.status = 'delivered' AND sends = 0) OR sends > 1
       OR coalesce(began, sent) IS NOT NULL AND (
              coalesce(began > sent, sent IS NOT NULL AND began IS NULL)
              OR coalesce(cleared > least(began, sent), true))
       OR (greatest(delivered, blocked, cancelled, archived) > 0
           AND greatest(delivered, blocked, cancelled, archived) < fact.version)
       OR (fact.status IN ('running', 'waiting') AND moved_at < now() - interval '2 minutes' AND (
              started > answered OR fact.stage IS NULL OR fact.stage = ANY(%(quiet)s)))
)
SELECT job_id::text, coalesce(batch_id, ''), seen, moved_at, viewed_status, viewed_stage, viewed_version, NULL, NULL
FROM looked
UNION ALL
SELECT NULL, coalesce(batch_id, ''), count(*) FILTER (WHERE seen < events), max(moved_at), status, NULL, NULL, 1,
       count(*)
FROM standing GROUP BY batch_id, status
ORDER BY 1
"""
STREAMS = "originator_id > %(after)s::text::uuid AND originator_id <= %(last)s::text::uuid"
VIEWED = "job_id > %(after)s::text::uuid AND job_id <= %(last)s::text::uuid"
PAGE = f"WITH {FACTS}{SUSPECTS}".replace("{streams}", STREAMS).replace("{viewed}", VIEWED)
SOME = f"WITH {FACTS}{SUSPECTS}".replace("{streams}", "originator_id = ANY(%(ids)s::uuid[])").replace(
    "{viewed}", "job_id = ANY(%(ids)s::uuid[])"
)
OVERDUE = """
SELECT job_id::text FROM ops.jobs
WHERE stage = ANY(%s) AND due_at < now() - interval '1 minute' ORDER BY due_at LIMIT %s
"""
LOAD = """
SELECT originator_id::text, originator_version, topic, state FROM ledger.stored_events
WHERE originator_id = ANY(%s::uuid[]) ORDER BY originator_id, originator_version
"""
ROWS = """
SELECT width_bucket(('x' || right(originator_id::text, 8))::bit(32)::bigint - 1, %s::bigint[]), count(*)
FROM ledger.stored_events
WHERE originator_id BETWEEN %s::text::uuid AND %s::text::uuid AND originator_version = 1 GROUP BY 1
"""
AFTER = "SELECT recorded_at FROM ledger.stored_events WHERE notification_id > %s ORDER BY notification_id LIMIT 1"
NEXT = """
SELECT notification_id, topic, state, recorded_at FROM ledger.stored_events
WHERE notification_id > %s ORDER BY notification_id LIMIT %s
"""
POSITIONS = "SELECT view, position FROM ops.positions ORDER BY view"
SENT = """
SELECT originator_id::text, coalesce(correlation_id::text, ''),
       convert_from(state, 'UTF8')::json->'output'->>'message_id',
       coalesce(convert_from(state, 'UTF8')::json->'output'->>'provider', ''), recorded_at,
       EXISTS (SELECT FROM ledger.stored_events AS ended WHERE ended.originator_id = event.originator_id
               AND ended.originator_version > event.originator_version
               AND split_part(ended.topic, '.', 1) = 'JobDelivered')
FROM ledger.stored_events AS event
WHERE originator_id > %s::text::uuid AND originator_id <= %s::text::uuid
  AND split_part(topic, '.', 1) = 'StageCompleted' AND convert_from(state, 'UTF8')::json->>'stage' = 'dispatch'
ORDER BY originator_id LIMIT %s
"""


class PostgresComparison:
    """Implements the port `Comparison` on a connection of its own, so that nobody waits for one behind it.

    For one thread at a time; the connection stays open from one snapshot to the next.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One transaction, read-only at the database. Raises LedgerUnavailable."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._url, autocommit=True, row_factory=tuple_row)
                act_as_application(self._connection)
            with self._connection.transaction():
                self._connection.execute(BEGIN)
                yield PostgresSnapshot(self._connection)
        except psycopg.OperationalError as error:
            self.close()
            raise LedgerUnavailable(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next snapshot opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresSnapshot:
    """Implements the port `Snapshot`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        [(self.now, self.head)] = self._all(HEAD)
        [(self._seen,)] = self._all(SEEN)

    def batches(self, *, batch_id: str | None = None, since: datetime | None = None) -> list[str]:
        return [found for (found,) in self._all(BATCHES, {"batch_id": batch_id, "since": since})]

    def open_batches(self) -> list[str]:
        return [found for (found,) in self._all(OPEN_BATCHES, ([status.value for status in ENDED],))]

    def history(self, batch_id: str) -> BatchHistory | None:
        rows = self._all(HISTORY, (batch_id,))
        if not rows:
            return None
        events = cast("list[BatchEvent]", [decode(topic, state) for topic, state, *_ in rows])
        *_, moved_at, position = rows[-1]
        return BatchHistory(events=events, moved_at=moved_at, is_seen=position <= self._seen)

    def viewed_batch(self, batch_id: str) -> ViewedBatch | None:
        rows = self._all(VIEWED_BATCH, (batch_id,))
        return ViewedBatch(**dict(zip(ViewedBatch.__struct_fields__, rows[0], strict=True))) if rows else None

    def page(self, span: Span, after: str, quiet: Sequence[str]) -> JobPage:
        asked: dict[str, Any] = {"after": after, "through": span.last, "limit": JOBS_PER_PAGE}
        [(last, streams, has_viewed)] = self._all(BOUND, asked)
        is_last = streams < JOBS_PER_PAGE
        if not streams and not has_viewed:
            return JobPage(last=span.last, is_last=True, jobs=0, unseen=0, counts=(), suspects=())
        asked |= {"last": span.last if is_last else last, "quiet": list(quiet)}
        suspects, counts, unseen = self._look(PAGE, asked)
        jobs = sum(count.jobs for count in counts)
        return JobPage(last=asked["last"], is_last=is_last, jobs=jobs, unseen=unseen, counts=counts, suspects=suspects)

    def overdue(self, quiet: Sequence[str], limit: int) -> Sequence[SuspectJob]:
        ids = [job_id for (job_id,) in self._all(OVERDUE, (list(quiet), limit))]
        return self._look(SOME, {"ids": ids, "quiet": list(quiet)})[0] if ids else []

    def jobs_by_row(self, span: Span, rows_through: Sequence[int]) -> list[int]:
        found = dict(self._all(ROWS, (list(rows_through), span.first, span.last)))
        return [found.get(place, 0) for place in range(len(rows_through) + 1)]

    def work_after(self, position: int) -> datetime | None:
        for _ in range(PAGES_OF_WORK_MAX):
            rows = self._all(NEXT, (position, EVENTS_PER_PAGE))
            for found, topic, state, recorded_at in rows:
                if queue_after(decode(topic, state)):
                    return cast("datetime", recorded_at)
                position = found
            if len(rows) < EVENTS_PER_PAGE:
                break
        return None

    def lags(self) -> list[ViewLag]:
        return [
            ViewLag(view=view, position=position, waiting_since=since)
            for view, position in self._all(POSITIONS)
            if position < self.head
            for (since,) in self._all(AFTER, (position,))
        ]

    def sent(self, span: Span, after: str, limit: int) -> list[SentJob]:
        return [
            SentJob(
                job_id=job_id,
                batch_id=batch_id,
                message_id=message_id or "",
                is_delivered=done,
                sent_at=sent_at,
                provider=provider,
            )
            for job_id, batch_id, message_id, provider, sent_at, done in self._all(SENT, (after, span.last, limit))
        ]

    def _look(self, statement: str, asked: dict[str, Any]) -> tuple[list[SuspectJob], list[JobCount], int]:
        rows = self._all(statement, asked | {"seen": self._seen, "job_events": JOB_EVENTS})
        counts = [
            JobCount(batch_id=batch_id, status=status, jobs=jobs, moved_at=moved_at)
            for _, batch_id, _, moved_at, status, _, _, is_count, jobs in rows
            if is_count
        ]
        unseen = sum(seen for _, _, seen, _, _, _, _, is_count, _ in rows if is_count)
        looked = [row for row in rows if not row[7]]
        histories = self._histories([row[0] for row in looked])
        suspects = [
            SuspectJob(
                job_id=job_id,
                batch_id=batch_id,
                versions=tuple(version for version, _ in histories.get(job_id, ())),
                events=tuple(event for _, event in histories.get(job_id, ())),
                seen=seen,
                moved_at=moved_at,
                viewed=None if version is None else ViewedJob(status=status, stage=stage, version=version),
            )
            for job_id, batch_id, seen, moved_at, status, stage, version, _, _ in looked
        ]
        return suspects, counts, unseen

    def _histories(self, ids: Sequence[str]) -> dict[str, list[tuple[int, JobEvent]]]:
        histories: dict[str, list[tuple[int, JobEvent]]] = {}
        for job_id, version, topic, state in self._all(LOAD, (list(ids),)) if ids else ():
            histories.setdefault(job_id, []).append((version, cast("JobEvent", decode(topic, state))))
        return histories

    def _all(self, statement: str, asked: Any = None) -> list[tuple[Any, ...]]:  # noqa: ANN401 - psycopg's parameters
        return self._connection.execute(statement, asked).fetchall()
