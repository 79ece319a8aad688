"""Rate limits in Postgres: one statement decides, on the database's clock, for every process of the system.

The table is unlogged and its commits are not waited for: after a crash of the server it is empty, and every limit full.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.limits import (
    KEEP_S,
    SHARE,
    Decision,
    Limit,
    Reservation,
    Standing,
    decisions,
    everything,
    reservation,
)
from dispatch.domain.gcra import NS, Rate, Taken

FORGET_EVERY_S = 30
CONNECTIONS_MAX = 4
CONNECTED_WITHIN_S = 10.0
# Half of each page is kept free: a row is then updated within its page and no index is touched.
TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS ops.rate_limits (
    key text COLLATE "C" PRIMARY KEY,
    tat_ns bigint NOT NULL,
    base_ns bigint NOT NULL,
    now_ns bigint NOT NULL,
    granted integer NOT NULL
) WITH (fillfactor = 50)
"""
NOW_NS = "(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"
# Each limit for itself. The last values are evaluated when the row is locked: nobody decides on what another has read.
TAKE = f"""
INSERT INTO ops.rate_limits AS held (key, tat_ns, base_ns, now_ns, granted)
SELECT key, now_ns + granted * interval_ns, now_ns, now_ns, granted
FROM (
    SELECT asked.*, {NOW_NS} AS now_ns,
           least(n, greatest(1, (burst * interval_ns + %(horizon_ns)s) / interval_ns / %(share)s)) AS granted
    FROM unnest(%(keys)s::text[], %(intervals)s::bigint[], %(bursts)s::bigint[], %(counts)s::bigint[])
        AS asked (key, interval_ns, burst, n)
) AS new
ORDER BY key COLLATE "C"
ON CONFLICT (key) DO UPDATE SET (tat_ns, base_ns, now_ns, granted) = (
    SELECT base_ns + granted * interval_ns, base_ns, now_ns, granted
    FROM (
        SELECT moment.*, CASE WHEN room <= 0 THEN 0 ELSE least(n, greatest(1, room / %(share)s)) END AS granted
        FROM (
            SELECT *, (now_ns + burst * interval_ns + %(horizon_ns)s - base_ns) / interval_ns AS room
            FROM (
                SELECT asked.*, now_ns, greatest(held.tat_ns, now_ns) AS base_ns
                FROM (SELECT {NOW_NS} AS now_ns OFFSET 0) AS clock, unnest(
                    %(keys)s::text[], %(intervals)s::bigint[], %(bursts)s::bigint[], %(counts)s::bigint[]
                ) AS asked (key, interval_ns, burst, n)
                WHERE asked.key = excluded.key
            ) AS based
        ) AS moment
    ) AS decided
)
RETURNING key, base_ns, now_ns, granted
"""  # noqa: S608 - a constant
# Several limits together: all are locked, in one order for everybody, before the clock is read.
TAKE_ALL = f"""
WITH asked AS (
    SELECT * FROM unnest(%(keys)s::text[], %(intervals)s::bigint[], %(bursts)s::bigint[])
        AS asked (key, interval_ns, burst)
), locked AS MATERIALIZED (
    SELECT key, tat_ns FROM ops.rate_limits WHERE key = ANY(%(keys)s::text[]) ORDER BY key FOR UPDATE
), clock AS MATERIALIZED (
    SELECT {NOW_NS} AS now_ns, locked FROM (SELECT count(*) AS locked FROM locked) AS counted
), based AS (
    SELECT key, interval_ns, now_ns, greatest(tat_ns, now_ns) AS base_ns,
           (now_ns + burst * interval_ns + %(horizon_ns)s - greatest(tat_ns, now_ns)) / interval_ns AS room
    FROM locked JOIN asked USING (key), clock WHERE clock.locked = cardinality(%(keys)s::text[])
), decided AS (
    SELECT min(CASE WHEN room <= 0 THEN 0 ELSE least(%(n)s, greatest(1, room / %(share)s)) END) AS granted FROM based
)
UPDATE ops.rate_limits AS held
SET tat_ns = based.base_ns + decided.granted * based.interval_ns,
    base_ns = based.base_ns, now_ns = based.now_ns, granted = decided.granted
FROM based, decided WHERE held.key = based.key
RETURNING held.key, held.base_ns, held.now_ns, held.granted
"""  # noqa: S608 - a constant
BEGIN_COUNTING = """
INSERT INTO ops.rate_limits (key, tat_ns, base_ns, now_ns, granted)
SELECT key, 0, 0, 0, 0 FROM unnest(%s::text[]) AS key ORDER BY key COLLATE "C" ON CONFLICT DO NOTHING
"""
STANDINGS = f"""
SELECT key, greatest(0, tat_ns - {NOW_NS}) FROM ops.rate_limits WHERE key = ANY(%s::text[])
"""  # noqa: S608 - a constant
IN_USE = f"""
SELECT key FROM ops.rate_limits WHERE starts_with(key, %s) AND tat_ns > {NOW_NS} ORDER BY key LIMIT %s
"""  # noqa: S608 - a constant
# What is in use is left alone: waiting for it out of turn could be a circle.
FORGET = f"""
DELETE FROM ops.rate_limits WHERE key IN (
    SELECT key FROM ops.rate_limits WHERE tat_ns < {NOW_NS} - %s FOR UPDATE SKIP LOCKED
)
"""  # noqa: S608 - a constant


def open_limits_pool(url: str) -> ConnectionPool:
    """Connections for decisions: each statement is its own transaction, and no commit waits for the disk."""
    kwargs = {"autocommit": True, "options": "-c synchronous_commit=off"}
    return ConnectionPool(
        url, kwargs=kwargs, min_size=0, max_size=CONNECTIONS_MAX, timeout=CONNECTED_WITHIN_S, open=True, name="limits"
    )


class PostgresLimiter:
    """Implements the port `Limiter` on a pool of `open_limits_pool`."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._forget_at = time.monotonic() + FORGET_EVERY_S
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Create the table where it is missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLE)

    def reserve(self, key: str, rate: Rate, n: int, horizon_s: float) -> Reservation:
        return self.reserve_all([Limit(key, rate)], n, horizon_s)

    def reserve_all(self, limits: Sequence[Limit], n: int, horizon_s: float) -> Reservation:
        if not limits:
            return everything(n)
        horizon_ns = round(horizon_s * NS)
        if len(limits) == 1:
            taken = self._take({limits[0]: n}, horizon_ns, SHARE)
            return reservation(limits, [taken[limits[0]]], n, horizon_s)
        return reservation(limits, self._take_all(limits, n, horizon_ns), n, horizon_s)

    def check(self, key: str, rate: Rate) -> Decision:
        return self.check_many([Limit(key, rate)])[0]

    def check_many(self, asked: Sequence[Limit]) -> list[Decision]:
        counts = Counter(asked)
        taken = self._take(counts, 0, 1) if counts else {}
        told = {limit: iter(decisions(taken[limit], count)) for limit, count in counts.items()}
        return [next(told[limit]) for limit in asked]

    def standings(self, limits: Sequence[Limit]) -> list[Standing]:
        with self._connection() as connection:
            rows = connection.execute(STANDINGS, ([limit.key for limit in limits],)).fetchall()
        ahead = dict(rows)
        return [
            Standing(
                key=limit.key,
                taken=-(-ahead.get(limit.key, 0) // limit.rate.interval_ns),
                free_after_s=ahead.get(limit.key, 0) / NS,
            )
            for limit in limits
        ]

    def in_use(self, prefix: str, most: int) -> list[str]:
        with self._connection() as connection:
            return [key for (key,) in connection.execute(IN_USE, (prefix, most)).fetchall()]

    def forget(self) -> int:
        with self._connection() as connection:
            return connection.execute(FORGET, (KEEP_S * NS,)).rowcount

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _take(self, counts: dict[Limit, int], horizon_ns: int, share: int) -> dict[Limit, Taken]:
        by_key = {limit.key: limit for limit in counts}
        if len(by_key) < len(counts):
            raise ValueError("one key is counted at two rates")
        asked = _columns(list(counts)) | {"counts": list(counts.values()), "horizon_ns": horizon_ns, "share": share}
        with self._connection() as connection:
            rows = connection.execute(TAKE, asked).fetchall()
        self._forget_now_and_then()
        return {by_key[key]: Taken(by_key[key].rate, base_ns, now_ns, n) for key, base_ns, now_ns, n in rows}

    def _take_all(self, limits: Sequence[Limit], n: int, horizon_ns: int) -> list[Taken]:
        if len({limit.key for limit in limits}) < len(limits):
            raise ValueError("one key is limited twice")
        asked = _columns(limits) | {"n": n, "horizon_ns": horizon_ns, "share": SHARE}
        with self._connection() as connection:
            while not (rows := connection.execute(TAKE_ALL, asked).fetchall()):
                connection.execute(BEGIN_COUNTING, (asked["keys"],))
        self._forget_now_and_then()
        found = {key: (base_ns, now_ns, granted) for key, base_ns, now_ns, granted in rows}
        return [Taken(limit.rate, *found[limit.key]) for limit in limits]

    def _forget_now_and_then(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._forget_at:
                return
            self._forget_at = now + FORGET_EVERY_S
        self.forget()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with self._pool.connection() as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise LedgerUnavailable(str(error)) from error


def _columns(limits: Sequence[Limit]) -> dict[str, Any]:
    return {
        "keys": [limit.key for limit in limits],
        "intervals": [limit.rate.interval_ns for limit in limits],
        "bursts": [limit.rate.burst for limit in limits],
    }
