"""Receipts that wait for their message to be known, and counts of all receipts: `ops.receipts_waiting`, and beside it.

What waits is nowhere else until it is recorded at its job, so these tables are logged as the ledger is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.receipts import Receipt, ReceiptKind, ReceiptSheet, ReceiptTotals, WaitingReceipt
from dispatch.domain.job.receipt_status import ReceiptStatus

TABLES = ("ops.receipts_waiting", "ops.receipt_counts")
CREATE = """
CREATE TABLE IF NOT EXISTS ops.receipts_waiting (
    provider text NOT NULL,
    message_id text NOT NULL,
    idempotency_key text NOT NULL,
    status text NOT NULL,
    said_at timestamptz NOT NULL,
    code text NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    look_at timestamptz NOT NULL DEFAULT now(),
    times bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (provider, message_id, idempotency_key, status)
);
CREATE INDEX IF NOT EXISTS receipts_waiting_look ON ops.receipts_waiting (look_at);
CREATE TABLE IF NOT EXISTS ops.receipt_counts (
    provider text NOT NULL,
    kind text NOT NULL,
    receipts bigint NOT NULL,
    PRIMARY KEY (provider, kind)
);
"""
JOBS_OF = """
SELECT message_id, job_id::text FROM ops.messages WHERE provider = %s AND message_id = ANY(%s)
"""
COUNT = """
INSERT INTO ops.receipt_counts AS seen (provider, kind, receipts) SELECT %s, * FROM unnest(%s::text[], %s::bigint[])
ON CONFLICT (provider, kind) DO UPDATE SET receipts = seen.receipts + excluded.receipts
"""
KEEP = """
INSERT INTO ops.receipts_waiting AS seen (provider, message_id, idempotency_key, status, said_at, code)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
ON CONFLICT (provider, message_id, idempotency_key, status) DO UPDATE SET times = seen.times + 1
RETURNING times > 1
"""
DUE = """
SELECT provider, message_id, idempotency_key, status, said_at, code FROM ops.receipts_waiting
WHERE look_at <= now() ORDER BY look_at LIMIT %s
"""
SETTLE = """
DELETE FROM ops.receipts_waiting AS kept
USING unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS done (provider, message_id, idempotency_key, status)
WHERE (kept.provider, kept.message_id, kept.idempotency_key, kept.status)
    = (done.provider, done.message_id, done.idempotency_key, done.status)
"""
PUT_OFF = """
UPDATE ops.receipts_waiting AS kept
SET look_at = now() + least(interval '10 minutes', greatest(interval '0.5 seconds', (now() - first_at) / 10))
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS later (provider, message_id, idempotency_key, status)
WHERE (kept.provider, kept.message_id, kept.idempotency_key, kept.status)
    = (later.provider, later.message_id, later.idempotency_key, later.status)
"""
TOTALS = """
SELECT provider, kind, receipts FROM ops.receipt_counts WHERE kind <> 'waiting'
UNION ALL SELECT provider, 'waiting', count(*) FROM ops.receipts_waiting GROUP BY provider
ORDER BY provider
"""
WAITING = """
SELECT provider, message_id, idempotency_key, status, code, said_at, first_at, times FROM ops.receipts_waiting
ORDER BY first_at, provider, message_id, idempotency_key, status LIMIT %s
"""


class PostgresReceiptSheet(ReceiptSheet):
    """Two small tables, and the view of messages that were sent."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self) -> None:
        """Create the tables where they are missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(CREATE)

    def jobs_of(self, provider: str, message_ids: Sequence[str]) -> Mapping[str, str]:
        try:
            with transaction(self._pool) as connection:
                return dict(connection.execute(JOBS_OF, (provider, list(message_ids))).fetchall())
        except psycopg.errors.UndefinedTable:
            return {}  # The projector has not made its view yet: whatever comes now waits for it.

    def note(self, provider: str, counts: Mapping[str, int], waiting: Sequence[Receipt]) -> None:
        kept, counted = sorted(waiting, key=lambda receipt: receipt.place), Counter(counts)
        with transaction(self._pool) as connection:
            if kept:  # In one order, as the counts: nobody waits for somebody who waits for them.
                more = [receipt.said_at for receipt in kept], [receipt.code for receipt in kept]
                repeated = connection.execute(KEEP, (*_places(kept), *more)).fetchall()
                counted[ReceiptKind.REPEATED] += sum(is_repeated for (is_repeated,) in repeated)
            _count(connection, provider, counted)

    def due(self, limit: int) -> Sequence[Receipt]:
        with transaction(self._pool) as connection:
            rows = connection.execute(DUE, (limit,)).fetchall()
        return [
            Receipt(
                provider=provider,
                message_id=message_id,
                idempotency_key=key,
                status=ReceiptStatus(status),
                said_at=said_at,
                code=code,
            )
            for provider, message_id, key, status, said_at, code in rows
        ]

    def settle(self, provider: str, counts: Mapping[str, int], receipts: Sequence[Receipt]) -> None:
        with transaction(self._pool) as connection:
            counted = Counter(counts)
            if receipts:
                counted[ReceiptKind.REPEATED] += connection.execute(SETTLE, _places(receipts)).rowcount
            _count(connection, provider, counted)

    def put_off(self, receipts: Sequence[Receipt]) -> None:
        if receipts:
            with transaction(self._pool) as connection:
                connection.execute(PUT_OFF, _places(receipts))

    def totals(self) -> Sequence[ReceiptTotals]:
        with transaction(self._pool) as connection:
            rows = connection.execute(TOTALS).fetchall()
        counts: dict[str, dict[str, int]] = {}
        for provider, kind, receipts in rows:
            counts.setdefault(provider, {})[kind] = receipts
        return [ReceiptTotals(provider=provider, **kinds) for provider, kinds in counts.items()]

    def waiting(self, limit: int) -> Sequence[WaitingReceipt]:
        with transaction(self._pool) as connection:
            rows = connection.execute(WAITING, (limit,)).fetchall()
        return [
            WaitingReceipt(
                provider=provider,
                message_id=message_id,
                idempotency_key=key,
                status=ReceiptStatus(status),
                code=code,
                said_at=said_at,
                first_at=first_at,
                times=times,
            )
            for provider, message_id, key, status, code, said_at, first_at, times in rows
        ]


def _count(connection: psycopg.Connection[Any], provider: str, counts: Mapping[str, int]) -> None:
    some = sorted((str(kind), count) for kind, count in counts.items() if count)
    connection.execute(COUNT, (provider, [kind for kind, _ in some], [count for _, count in some]))


def _places(receipts: Sequence[Receipt]) -> tuple[list[str], ...]:
    places = sorted(receipt.place for receipt in receipts)
    return tuple(list(column) for column in zip(*places, strict=True))
