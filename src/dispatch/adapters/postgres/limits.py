"""Limits in Postgres: one upsert on the database's clock, so that every process sees one and the same limit."""

from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.limits import Limiter, Rate, Reservation

TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS ops.rate_limits (
    key text PRIMARY KEY,
    asked_at double precision NOT NULL,
    arrival double precision NOT NULL,  -- the theoretical arrival time of the next call: the state of the algorithm
    granted int NOT NULL,  -- to the last one who asked, and
    first_after double precision NOT NULL  -- from when on, in seconds
) WITH (fillfactor = 50)
"""
# What `dispatch.domain.gcra.take` says, in SQL: a call of the database costs more than the arithmetic in it.
RESERVE = """
INSERT INTO ops.rate_limits AS now (key, asked_at, arrival, granted, first_after)
SELECT %(key)s, at, at + granted * %(interval)s, granted, -%(tolerance)s::double precision
FROM (SELECT extract(epoch FROM clock_timestamp())::double precision AS at) AS clock,
     (SELECT greatest(0, least(%(n)s, floor((%(horizon)s + %(tolerance)s)::double precision / %(interval)s + 1e-9) + 1))
             ::int AS granted) AS fresh
ON CONFLICT (key) DO UPDATE
SET asked_at = excluded.asked_at,
    granted = greatest(0, least(%(n)s, floor((%(horizon)s + %(tolerance)s
                                              - greatest(0, now.arrival - excluded.asked_at))
                                             / %(interval)s + 1e-9) + 1))::int,
    first_after = greatest(0, now.arrival - excluded.asked_at) - %(tolerance)s,
    arrival = greatest(now.arrival, excluded.asked_at) + %(interval)s
              * greatest(0, least(%(n)s, floor((%(horizon)s + %(tolerance)s
                                                - greatest(0, now.arrival - excluded.asked_at))
                                               / %(interval)s + 1e-9) + 1))
RETURNING granted, first_after
"""


class PostgresLimiter(Limiter):
    """The table may be lost at any time: a limit then begins anew."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self) -> None:
        """Create the table where it is missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLE)

    def reserve(self, key: str, rate: Rate, n: int, horizon_s: float) -> Reservation:
        asked = {
            "key": key,
            "n": n,
            "interval": rate.interval_s,
            "tolerance": (rate.burst - 1) * rate.interval_s,
            "horizon": horizon_s,
        }
        with transaction(self._pool) as connection:
            connection.execute("SET LOCAL synchronous_commit = off")
            granted, first_after_s = connection.execute(RESERVE, asked, prepare=True).fetchone() or (0, 0.0)
        return Reservation(
            granted=granted,
            first_after_s=first_after_s,
            interval_s=rate.interval_s,
            retry_after_s=max(0.0, first_after_s + granted * rate.interval_s),
        )
