"""The sheet of providers in Postgres: breakers, health and spending that all workers share, on the database's clock."""

from collections.abc import Callable, Mapping
from random import random

from psycopg_pool import ConnectionPool

from dispatch.adapters.postgres.pool import transaction
from dispatch.adapters.postgres.preparing import prepare_alone
from dispatch.adapters.postgres.roles import act_as_application
from dispatch.application.ports.provider_sheet import ProviderSheet, Report, Spent, Standing
from dispatch.domain.breaker import Breaker, BreakerState
from dispatch.domain.health import Health

TABLES = """
CREATE UNLOGGED TABLE IF NOT EXISTS ops.provider_health (
    provider text PRIMARY KEY,
    window_at double precision NOT NULL DEFAULT 0,
    calls int NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0,
    open_until double precision NOT NULL DEFAULT 0,
    opened int NOT NULL DEFAULT 0,
    probe_until double precision NOT NULL DEFAULT 0,
    health_at double precision NOT NULL DEFAULT 0,
    weight double precision NOT NULL DEFAULT 0,
    failed double precision NOT NULL DEFAULT 0,
    took double precision NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS ops.provider_spend (
    provider text NOT NULL,
    day date NOT NULL,
    millipence bigint NOT NULL,
    calls bigint NOT NULL,
    PRIMARY KEY (provider, day)
);
"""
ENTER = "INSERT INTO ops.provider_health (provider) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
LOCK = """
SELECT provider, window_at, calls, failures, open_until, opened, health_at, weight, failed, took
FROM ops.provider_health WHERE provider = ANY(%s) ORDER BY provider FOR UPDATE
"""
NOW = "SELECT extract(epoch FROM clock_timestamp())::double precision"
READ = """
SELECT provider, window_at, calls, failures, open_until, opened, health_at, weight, failed, took
FROM ops.provider_health ORDER BY provider
"""
WRITE = """
UPDATE ops.provider_health
SET window_at = %s, calls = %s, failures = %s, open_until = %s, opened = %s,
    probe_until = CASE WHEN %s THEN 0 ELSE probe_until END, health_at = %s, weight = %s, failed = %s, took = %s
WHERE provider = %s
"""
PROBE = """
UPDATE ops.provider_health SET probe_until = extract(epoch FROM clock_timestamp()) + %s
WHERE provider = %s AND open_until > 0 AND open_until <= extract(epoch FROM clock_timestamp())
  AND probe_until <= extract(epoch FROM clock_timestamp())
"""
RESERVE = """
INSERT INTO ops.provider_spend AS sheet (provider, day, millipence, calls)
VALUES (%s, (now() AT TIME ZONE 'utc')::date, 0, 0)
ON CONFLICT (provider, day) DO UPDATE SET calls = sheet.calls  -- locks the row: whoever comes next sees what was booked
RETURNING day, millipence
"""
BOOK = "UPDATE ops.provider_spend SET millipence = millipence + %s, calls = calls + %s WHERE provider = %s AND day = %s"
GIVE_BACK = """
UPDATE ops.provider_spend SET millipence = greatest(0, millipence - %s), calls = greatest(0, calls - %s)
WHERE provider = %s AND day = (now() AT TIME ZONE 'utc')::date
"""
SPENT = """
SELECT provider, millipence, calls FROM ops.provider_spend WHERE day = (now() AT TIME ZONE 'utc')::date
"""


class PostgresProviderSheet(ProviderSheet):
    """Two small tables. `chance` in [0, 1) spreads the times at which breakers are probed."""

    def __init__(self, pool: ConnectionPool, chance: Callable[[], float] = random) -> None:
        self._pool, self._chance = pool, chance

    def prepare(self) -> None:
        """Create the tables where they are missing; several processes may ask at once."""
        with transaction(self._pool) as connection:
            act_as_application(connection, in_transaction=True)
            prepare_alone(connection)
            connection.execute(TABLES)

    def exchange(self, reports: Mapping[str, Report]) -> Mapping[str, Standing]:
        with transaction(self._pool) as connection:
            connection.execute("SET LOCAL synchronous_commit = off")  # It may be lost; nobody waits for the disk.
            if reports:
                names = sorted(reports)
                connection.execute(ENTER, [names])
                locked = connection.execute(LOCK, [names]).fetchall()
                now = connection.execute(NOW).fetchone()[0]  # type: ignore[index]
                for provider, *columns in locked:
                    breaker, health = _read(columns)
                    report = reports[provider]
                    probed = breaker.state(now) is BreakerState.HALF_OPEN and report.calls > 0
                    breaker = breaker.observe(
                        now, calls=report.calls, failures=report.failures, tripped=report.tripped, chance=self._chance()
                    )
                    health = health.after(now, calls=report.calls, failures=report.failures, took_ms=report.took_ms)
                    written = (
                        breaker.window_at, breaker.calls, breaker.failures, breaker.open_until, breaker.opened, probed,
                        health.at, health.weight, health.failed, health.took, provider,
                    )  # fmt: skip
                    connection.execute(WRITE, written)
            rows = connection.execute(READ).fetchall()
            now = connection.execute(NOW).fetchone()[0]  # type: ignore[index]
        return {provider: Standing.at(now, *_read(columns)) for provider, *columns in rows}

    def take_probe(self, provider: str, within_s: float) -> bool:
        with transaction(self._pool) as connection:
            connection.execute("SET LOCAL synchronous_commit = off")
            return connection.execute(PROBE, (within_s, provider)).rowcount == 1

    def reserve(self, provider: str, millipence_each: int, calls: int, cap_millipence: int) -> int:
        with transaction(self._pool) as connection:
            day, millipence = connection.execute(RESERVE, [provider]).fetchone() or (None, cap_millipence)
            left = max(0, cap_millipence - millipence)
            covered = min(calls, left // millipence_each) if millipence_each else calls
            connection.execute(BOOK, (covered * millipence_each, covered, provider, day))
        return covered

    def give_back(self, provider: str, millipence_each: int, calls: int) -> None:
        with transaction(self._pool) as connection:
            connection.execute(GIVE_BACK, (calls * millipence_each, calls, provider))

    def spent(self) -> Mapping[str, Spent]:
        with transaction(self._pool) as connection:
            rows = connection.execute(SPENT).fetchall()
        return {provider: Spent(millipence=int(millipence), calls=int(calls)) for provider, millipence, calls in rows}


def _read(columns: list[float]) -> tuple[Breaker, Health]:
    window_at, calls, failures, open_until, opened, health_at, weight, failed, took = columns
    breaker = Breaker(
        window_at=window_at, calls=int(calls), failures=int(failures), open_until=open_until, opened=int(opened)
    )
    return breaker, Health(at=health_at, weight=weight, failed=failed, took=took)
