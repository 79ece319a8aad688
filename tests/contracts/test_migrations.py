"""The schema: reached from nothing, from itself, and by four processes at once."""

import psycopg
import pytest

from dispatch.adapters.postgres.migrate import current_revision, migrate, newest_revision
from processes import released_at_once, start_owner

pytestmark = pytest.mark.postgres

TABLES = """
SELECT table_schema || '.' || table_name FROM information_schema.tables
WHERE table_schema IN ('ledger', 'intake') ORDER BY 1
"""
EXPECTED = ["intake.company_numbers", "intake.natural_keys", "ledger.events", "ledger.stored_events"]


def tables(url):
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute(TABLES)]


def test_an_empty_database_is_brought_to_the_newest_revision_and_stays_there(database_url):
    assert current_revision(database_url) == ""
    assert migrate(database_url) == newest_revision() == current_revision(database_url)
    assert set(EXPECTED) <= set(tables(database_url))
    before = tables(database_url)
    assert migrate(database_url) == newest_revision()
    assert tables(database_url) == before


@pytest.mark.timeout(60)
def test_four_processes_at_once(database_url):
    owners = [
        start_owner(
            """
            import sys
            from dispatch.adapters.postgres.migrate import migrate
            print("ready", flush=True)
            sys.stdin.readline()
            print(migrate(sys.argv[1]), flush=True)
            """,
            database_url,
        )
        for _ in range(4)
    ]
    assert released_at_once(owners) == [newest_revision()] * 4
    assert set(EXPECTED) <= set(tables(database_url))


def test_a_migration_that_was_interrupted_left_nothing(database_url):
    """Each runs in one transaction: a database that refuses is as it was before."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA intake; CREATE TABLE intake.natural_keys (in_the_way int)")
    with pytest.raises(Exception, match="natural_keys"):
        migrate(database_url)
    assert current_revision(database_url) == ""
    assert tables(database_url) == ["intake.natural_keys"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA intake CASCADE")
    assert migrate(database_url) == newest_revision()
