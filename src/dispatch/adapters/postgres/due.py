"""The sheet of what is due: jobs and retries whose time has come, and jobs that should have moved long ago."""

from collections.abc import Sequence
from datetime import timedelta

from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.gates import Gates, gate_key
from dispatch.application.ports.queries import DueJob
from dispatch.domain.control.events import PauseScope
from dispatch.domain.job.priority import JobPriority

BATCH = gate_key(PauseScope.BATCH, "?")[:-1]
LEASE = timedelta(seconds=30)
"""For so long a job that was driven on is not driven again, unless its retry's due time is a new one."""

TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS ops.due_leases (
    job_id uuid PRIMARY KEY,
    due_at timestamptz NOT NULL,
    leased_until timestamptz NOT NULL
)
"""
SWEEP = """
WITH due AS (
    SELECT job_id, stage, priority, due_at FROM ops.jobs
    WHERE stage = ANY(%(stages)s) AND due_at <= now() AND (status = 'waiting' OR %(stale)s)
      AND (batch_id IS NULL OR batch_id <> ALL(%(paused)s::uuid[]))
    ORDER BY due_at LIMIT %(limit)s
), leased AS (
    INSERT INTO ops.due_leases AS lease (job_id, due_at, leased_until)
    SELECT job_id, due_at, now() + %(lease)s FROM due ORDER BY job_id
    ON CONFLICT (job_id) DO UPDATE SET due_at = excluded.due_at, leased_until = excluded.leased_until
    WHERE lease.leased_until < now() OR lease.due_at <> excluded.due_at
    RETURNING job_id
)
SELECT due.job_id::text, due.stage, due.priority FROM due JOIN leased USING (job_id) ORDER BY due.due_at
"""
OFFERS = """
CREATE UNLOGGED TABLE IF NOT EXISTS ops.due_offers (
    job_id uuid PRIMARY KEY,
    stage text NOT NULL,
    offered_at timestamptz NOT NULL DEFAULT now()
)
"""
BATCH_OF_OFFER = "ALTER TABLE ops.due_offers ADD COLUMN IF NOT EXISTS batch_id uuid"
OFFER = """
INSERT INTO ops.due_offers (job_id, stage) SELECT * FROM unnest(%s::text[]::uuid[], %s::text[])
ON CONFLICT (job_id) DO UPDATE SET stage = excluded.stage, offered_at = now()
"""
PARK = """
INSERT INTO ops.due_offers (job_id, stage, batch_id)
SELECT * FROM unnest(%s::text[]::uuid[], %s::text[], %s::text[]::uuid[])
ON CONFLICT (job_id) DO UPDATE SET stage = excluded.stage, batch_id = excluded.batch_id, offered_at = now()
"""
TAKE_OFFERS = """
DELETE FROM ops.due_offers WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM ops.due_offers
    WHERE stage = ANY(%(stages)s) AND (batch_id IS NULL OR batch_id <> ALL(%(paused)s::uuid[]))
    ORDER BY offered_at, job_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)) RETURNING job_id::text, stage, 'normal'
"""
FORGET = "DELETE FROM ops.due_leases WHERE leased_until < now() - interval '10 minutes'"


class DueSheet:
    """Finds due jobs and leases them to whoever asks, on the database's clock. Losing the leases costs a repetition."""

    def __init__(self, pool: ConnectionPool, gates: Gates | None = None) -> None:
        self._pool, self._gates = pool, gates

    def prepare(self) -> None:
        """Create the table of leases where it is missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLE)
            connection.execute(OFFERS)
            connection.execute(BATCH_OF_OFFER)

    def sweep(self, stages: Sequence[str], *, stale: bool, limit: int = 5_000) -> list[DueJob]:
        """What is scheduled, or tried again, and due at these stages, and what was offered.

        With `stale` also running jobs that have not moved for a minute. What is paused is left out.

        Raises LedgerUnavailable; asking again is safe.
        """
        closed = self._gates.closed() if self._gates else {}
        if gate_key(PauseScope.EVERYTHING) in closed:
            return []
        open_stages = [stage for stage in stages if gate_key(PauseScope.STAGE, stage) not in closed]
        paused = [key.removeprefix(BATCH) for key in closed if key.startswith(BATCH)]
        asked = {"stages": open_stages, "stale": stale, "limit": limit, "lease": LEASE, "paused": paused}
        with transaction(self._pool) as connection:
            rows = connection.execute(SWEEP, asked).fetchall()
            rows += connection.execute(TAKE_OFFERS, asked).fetchall()
            connection.execute(FORGET)
        return [DueJob(job_id, stage, JobPriority(priority)) for job_id, stage, priority in rows]

    def offer(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Have these jobs (id, stage) published at the next sweep, whatever the views say. Raises LedgerUnavailable."""
        stages = dict(jobs)
        with transaction(self._pool) as connection:
            connection.execute(OFFER, (list(stages), list(stages.values())))

    def park(self, jobs: Sequence[tuple[str, str, str]]) -> None:
        """Have these jobs (id, stage, batch) published at the first sweep that finds their batch open.

        Raises LedgerUnavailable; asking again is safe.
        """
        ids, stages, batches = (list(column) for column in zip(*jobs, strict=True))
        with transaction(self._pool) as connection:
            connection.execute(PARK, (ids, stages, batches))
