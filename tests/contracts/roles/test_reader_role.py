"""The reader sees the views and nothing else, also after a rebuild has replaced them."""

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.views.catalogue import DERIVED, VIEWS
from histories import World
from servers import as_user

pytestmark = pytest.mark.postgres

VISIBLE = {
    "ops.positions",
    "ops.source_looks",
    "ops.processes",
    *DERIVED,
    *(f"{view.home}.{table}" for view in VIEWS.values() for table in view.tables),
}
MAY = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind IN ('r', 'v', 'm', 'f', 'p', 'S') AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
  AND has_schema_privilege('dispatch_reader', relnamespace, 'USAGE')
  AND has_table_privilege('dispatch_reader', oid, %s)
"""
REFUSED = {
    "events": "SELECT * FROM ledger.events",
    "stored events": "SELECT * FROM ledger.stored_events",
    "checkpoints": "SELECT * FROM ledger.seal_checkpoints",
    "append": "SELECT ledger.append('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
    "natural keys": "SELECT * FROM intake.natural_keys",
    "leases": "SELECT * FROM ops.due_leases",
    "addresses of callers": "SELECT * FROM ops.rate_limits",
    "insert": "INSERT INTO ops.positions VALUES ('mine', 1, 0)",
    "update": "UPDATE ops.jobs SET status = 'delivered'",
    "delete": "DELETE FROM intake.batches",
    "truncate": "TRUNCATE ops.jobs",
    "drop": "DROP TABLE ops.jobs",
    "new": "CREATE TABLE ops.mine (x int)",
    "become": "SET ROLE dispatch_app",
}


@pytest.fixture
def reader_url(app, database_url: str) -> str:
    """A user of an analyst, say; made as the runbook tells."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        if not owner.execute("SELECT FROM pg_roles WHERE rolname = 'test_analyst'").rowcount:
            owner.execute("CREATE ROLE test_analyst LOGIN PASSWORD 'test-only'")
        owner.execute("GRANT dispatch_reader TO test_analyst")
        owner.execute("ALTER ROLE test_analyst SET default_transaction_read_only = on")
    return as_user(database_url, "test_analyst", "test-only")


def may(url: str, privilege: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute(MAY, (privilege,))}


@pytest.mark.acceptance("1.11")
@pytest.mark.acceptance("0.07", part="escalation queue and stats")
def test_the_reader_reads_every_view_and_nothing_else(app, database_url: str, reader_url: str):
    assert may(database_url, "SELECT") == VISIBLE
    for privilege in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
        assert may(database_url, privilege) == set()
    with psycopg.connect(reader_url, autocommit=True) as reader:
        for name in VISIBLE:
            reader.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*name.split("."))))


@pytest.mark.acceptance("0.07", part="read only, enforced by the database")
@pytest.mark.parametrize("asked", REFUSED)
@pytest.mark.parametrize("writable", [False, True], ids=["read-only", "writable"])
def test_everything_else_is_refused(reader_url: str, asked: str, writable: bool):
    with psycopg.connect(reader_url, autocommit=True) as reader:
        if writable:  # The user can switch its own default off, and has gained nothing.
            reader.execute("SET default_transaction_read_only = off")
        refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
        with pytest.raises(refusals[:1] if writable else refusals):
            reader.execute(REFUSED[asked])


def test_a_rebuild_keeps_the_grants(app, database_url: str, reader_url: str):
    for _ in World(app.ledger, seed=2).history(batches=1, steps=60):
        pass
    while app.projector.step():
        pass
    for name in VIEWS:
        assert app.rebuild_view(name).same
        assert may(database_url, "SELECT") == VISIBLE
    app.projector.prepare()
    assert may(database_url, "SELECT") == VISIBLE
    with psycopg.connect(reader_url) as reader:
        [(rows,)] = reader.execute("SELECT count(*) FROM ops.jobs").fetchall()
    assert rows > 0


def test_a_grant_that_was_taken_away_is_given_again_at_the_next_start(app, database_url: str):
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON ops.jobs FROM dispatch_reader; REVOKE USAGE ON SCHEMA ops FROM dispatch_reader")
    app.migrate()
    assert may(database_url, "SELECT") == VISIBLE


@pytest.mark.acceptance("0.07", part="the application's own queries run as the reader")
def test_the_queries_of_the_application_run_as_the_reader(app):
    engine = open_engine(app.settings.database_url, read_only=True, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user::text")).scalar() == "dispatch_reader"
        connection.rollback()  # As a pool does between two uses.
        assert connection.execute(text("SELECT current_user::text")).scalar() == "dispatch_reader"
        with pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(text("SELECT * FROM ledger.stored_events"))
    engine.dispose()


def test_two_views_never_share_a_tables_name():
    """They are rebuilt in one schema."""
    tables = [table for view in VIEWS.values() for table in view.tables]
    assert len(tables) == len(set(tables))
