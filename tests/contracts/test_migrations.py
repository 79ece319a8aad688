"""The schema: reached from nothing, from itself, and by four processes at once."""

import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from dispatch.adapters.embedded.postgres_cluster import find_installation
from dispatch.adapters.postgres.migrate import current_revision, migrate, newest_revision
from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.settings import Settings
from processes import released_at_once, start_owner
from servers import application_url

pytestmark = pytest.mark.postgres

TABLES = """
SELECT table_schema || '.' || table_name FROM information_schema.tables
WHERE table_schema IN ('ledger', 'intake') ORDER BY 1
"""
WHEN = re.compile(r"'\d{4}-\d\d-\d\d \d[^']*'")
EXPECTED = ["intake.company_numbers", "intake.natural_keys", "ledger.events", "ledger.stored_events"]


def tables(url):
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute(TABLES)]


def test_an_empty_database_is_brought_to_the_newest_revision_and_stays_there(empty_url):
    assert current_revision(empty_url) == ""
    assert migrate(empty_url) == newest_revision() == current_revision(empty_url)
    assert set(EXPECTED) <= set(tables(empty_url))
    before = tables(empty_url)
    assert migrate(empty_url) == newest_revision()
    assert tables(empty_url) == before


@pytest.mark.timeout(60)
def test_four_processes_at_once(empty_url):
    owners = [
        start_owner(
            """
            import sys
            from dispatch.adapters.postgres.migrate import migrate
            print("ready", flush=True)
            sys.stdin.readline()
            print(migrate(sys.argv[1]), flush=True)
            """,
            empty_url,
        )
        for _ in range(4)
    ]
    assert released_at_once(owners) == [newest_revision()] * 4
    assert set(EXPECTED) <= set(tables(empty_url))


def test_a_migration_that_was_interrupted_left_nothing(empty_url):
    """Each runs in one transaction: a database that refuses is as it was before."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA intake; CREATE TABLE intake.natural_keys (in_the_way int)")
    with pytest.raises(Exception, match="natural_keys"):
        migrate(empty_url)
    assert current_revision(empty_url) == ""
    assert tables(empty_url) == ["intake.natural_keys"]
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA intake CASCADE")
    assert migrate(empty_url) == newest_revision()


def dump(url: str) -> list[str]:
    """Every object with its owner and its rights, and every row, as commands; not when, and not psql's key of a day."""
    command = [find_installation() / "bin" / "pg_dump", "--create", "--inserts", f"--dbname={url}"]
    written = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    return [WHEN.sub("", line.replace(name, "test")) for line in written.splitlines() if "restrict" not in line]


def test_the_copy_that_other_tests_get_is_what_a_migration_makes(database_url: str, empty_url: str, tmp_path: Path):
    app = open_app(Settings(data=tmp_path, database_url=application_url(empty_url), database_owner_url=empty_url))
    try:
        app.migrate()
    finally:
        app.close()
    made = dump(empty_url)
    assert any("GRANT" in line for line in made)
    assert dump(database_url) == made
