"""`dispatch smoke schema`: seven cases at the database, each undone; and the named environments."""

import time
from pathlib import Path

import psycopg
import pytest

from dispatch.adapters.smoke.schema import SchemaSmoke
from dispatch.entrypoints.environments import read_environment
from dispatch.entrypoints.settings import SettingsError, load_settings

pytestmark = pytest.mark.postgres

NAMES = [
    "schema validation",
    "batch creation",
    "idempotency",
    "timing metrics",
    "error budget",
    "rejection reason",
    "metrics view",
]
TABLES = """
SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables
WHERE schemaname IN ('ledger', 'intake', 'ops', 'privacy', 'public', 'rebuild') ORDER BY 1
"""


def contents(url: str) -> dict[str, int]:
    """A checksum of every table there is."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = [name for (name,) in connection.execute(TABLES)]
        rows = "SELECT coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {} AS t"
        return {name: connection.execute(rows.format(name)).fetchone()[0] for name in names}


@pytest.fixture
def used(system, run, jobs_file) -> str:
    """A system that has worked already: a batch with a refused row."""
    batch_id = run("batch", "upload", jobs_file(good=19, bad=1), "--json").json()["batch_id"]
    system.admit(batch_id)
    return batch_id


@pytest.mark.acceptance("1.41")
@pytest.mark.acceptance("1.43", part="exit code 0, one line a case")
@pytest.mark.acceptance("1.47")
def test_seven_of_seven(used, run):
    answer = run("smoke", "schema")
    assert answer.code == 0
    *cases, total = answer.out.splitlines()
    assert [line.split(" ms ")[0].split("  ")[1] for line in cases] == NAMES
    assert total == "7/7 passed"
    assert "10-row batch: parse 45 ms, db 120 ms, 60.6 rows/s" in answer.out
    assert "default 10%" in answer.out
    assert "Error rate 20.0% exceeded threshold 10%" in answer.out
    found = run("smoke", "schema", "--json").json()
    assert found["passed"] == 7
    assert [(case["name"], case["passed"]) for case in found["cases"]] == [(name, True) for name in NAMES]


@pytest.mark.acceptance("1.42")
@pytest.mark.acceptance("1.43", part="never destructive: every table is as it was")
def test_nothing_of_it_stays(used, run, system, database_url):
    """The ledger, the views and everything else are as they were; only a gap in the positions tells of it."""
    before, head = contents(database_url), system.app.ledger.head()
    assert run("smoke", "schema").code == 0
    assert contents(database_url) == before
    assert system.app.ledger.head() == head
    assert "ledger.stored_events" in before
    system.app.desk.cancel(system.app.queries.jobs(batch_id=used)[0].job_id, "ann", "moved")
    system.project()
    assert run("view", "rebuild", "--all").code == 0
    system.app.sealing.sign_now()
    assert run("ledger", "verify", "--json").code == 0


def test_the_ledgers_lock_is_free_again_at_once(used, run, system):
    """Appends of others wait for a case as they wait for any other append."""
    with psycopg.connect(system.app.settings.database_url, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(7235441202855961448)")
            started = time.perf_counter()
            answer = run("smoke", "schema", "--json")
        assert time.perf_counter() - started < 15
        assert connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)
    failed = [case["name"] for case in answer.json()["cases"] if not case["passed"]]
    assert failed == ["batch creation", "idempotency"]  # They gave up after five seconds each.
    assert answer.code == 1


BREAKS = {
    "schema validation": "ALTER TABLE intake.batches RENAME COLUMN rejection_reason TO why",
    "idempotency": "ALTER TABLE intake.batches DROP CONSTRAINT batches_pkey CASCADE",
    "error budget": "ALTER TABLE intake.batches ALTER error_threshold_percent SET DEFAULT 15",
    "metrics view": "DROP VIEW intake.view_batch_metrics; CREATE VIEW intake.view_batch_metrics AS SELECT 0 AS batches,"
    " 0 AS rows, 0 AS valid_rows, 0 AS invalid_rows, 0 AS parse_duration_ms, 0 AS db_duration_ms;"
    " GRANT SELECT ON intake.view_batch_metrics TO dispatch_app",
}


@pytest.mark.acceptance("1.43", part="exit code 1 when a case fails")
@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_named(used, run, database_url, name):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(BREAKS[name])
        if name == "idempotency":
            connection.execute("ALTER TABLE intake.batches DROP CONSTRAINT batches_file_hash_run_key")
    answer = run("smoke", "schema", "--json")
    assert answer.code == 1
    failed = {case["name"]: case["says"] for case in answer.json()["cases"] if not case["passed"]}
    assert name in failed
    assert all(failed.values())


def test_an_empty_database_fails_every_case_that_needs_one(empty_url, run, monkeypatch):
    monkeypatch.setenv("DISPATCH_DATABASE_URL", empty_url)
    answer = run("smoke", "schema", "--json")
    assert (answer.code, answer.json()["passed"]) == (1, 0)


def test_what_stays_is_told(used, run, system, database_url, monkeypatch):
    """The last look itself: were a row still there, it would be said."""
    monkeypatch.setattr(SchemaSmoke, "left_behind", lambda self, connection: 3)
    answer = run("smoke", "schema")
    assert answer.code == 1
    assert answer.err.startswith("error smoke_not_set_up\n")
    assert "3 rows of the test are still there" in answer.err


@pytest.mark.acceptance("1.43", part="--env prod")
@pytest.mark.acceptance("1.49", part="environments by name")
def test_a_named_environment(used, run, system, tmp_path: Path, monkeypatch):
    """Its file stands instead of the process' own variables, and of a system that runs here."""
    url = system.app.settings.database_url
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPATCH_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/elsewhere")
    Path(".env.prod").write_text(f"# Ours\nPOSTGRES_PASSWORD=x y\nexport DISPATCH_DATABASE_URL='{url}'\n\n")
    answer = run("smoke", "schema", "--env", "prod", "--json")
    assert (answer.code, answer.json()["environment"]) == (0, "prod")
    missing = run("smoke", "schema", "--env", "staging")
    assert missing.code == 1
    assert missing.err.startswith("error setting_invalid\n")
    assert ".env.staging cannot be read" in missing.err


def test_files_of_environments(tmp_path: Path):
    (tmp_path / ".env.dev").write_text(
        'DISPATCH_WORKERS=3 # of four\nDISPATCH_LOG_LEVEL="debug"\nDISPATCH_SEAL_ORIGIN=a#b\nOTHER=1\n'
    )
    found = read_environment("dev", tmp_path)
    assert found == {"DISPATCH_WORKERS": "3", "DISPATCH_LOG_LEVEL": "debug", "DISPATCH_SEAL_ORIGIN": "a#b"}
    assert load_settings(found).settings.workers == 3
    (tmp_path / ".env.bad").write_text("DISPATCH_MASTER_KEY: secret\n")
    with pytest.raises(SettingsError, match="line 1 is not KEY=VALUE") as refused:
        read_environment("bad", tmp_path)
    assert "secret" not in str(refused.value)
    for name in ("../prod", "", "a b"):
        with pytest.raises(SettingsError, match="is not a name"):
            read_environment(name, tmp_path)
