"""`dispatch batch upload --dry-run`: writes nothing, and says what a real run then does."""

import csv
import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from dispatch.application.ports.clock import utc_now
from dispatch.application.stages.clear import clear
from dispatch.application.stages.stage import Task
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.job.commands import Block, Done
from dispatch.domain.job.decide import decider
from dispatch.entrypoints.desk_rules import desk_rules
from dispatch.entrypoints.settings import Settings, SettingsError, provider_prices

pytestmark = [pytest.mark.postgres, pytest.mark.acceptance("1.12", part="a dry run says what would happen")]
COLUMNS = (
    "reference", "service", "price", "customer_name", "phone", "email", "postcode", "lawful_basis", "consent_date",
    "consent_statement", "sale_ref", "opted_out",
)  # fmt: skip
GOOD = {
    "service": "boiler service", "price": "85.00", "customer_name": "Ann Example", "phone": "07700 900123",
    "email": "ann@example.org", "postcode": "LS1 4AP", "lawful_basis": "contract", "sale_ref": "S-1",
}  # fmt: skip


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Forty rows: allowed and blocked ones, two refused, one twice, and some without an e-mail address."""
    rows = [GOOD | {"reference": f"J-{number}"} for number in range(40)]
    for number in range(5):
        rows[number]["lawful_basis"] = ""
    rows[5]["opted_out"] = "yes"
    for number in range(6, 9):
        rows[number]["email"] = ""
    rows[9] |= {"lawful_basis": "soft opt-in", "sale_ref": ""}
    rows[20]["price"], rows[21]["postcode"] = "cheap", "nowhere"
    rows[30]["reference"] = "J-29"
    return write(tmp_path / "mixed.csv", rows)


def everything(url: str, folder: Path) -> dict[str, str]:
    """The content of each table of the database and of each file, as hashes."""
    tables = """SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
                WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"""
    found = {}
    with psycopg.connect(url) as connection:
        for (table,) in connection.execute(tables).fetchall():
            rows = connection.execute(
                sql.SQL("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t").format(
                    sql.Identifier(*table.split("."))
                )
            )
            found[table] = str(rows.fetchone())
        sequences = "SELECT last_value FROM ledger.stored_events_notification_id_seq"
        found["sequence"] = str(connection.execute(sequences).fetchone())
    found |= {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}
    return found


def test_a_dry_run_writes_nothing(system, run, mixed, database_url, jobs_file):
    system.admit(run("batch", "upload", jobs_file(), "--json").json()["batch_id"])
    before = everything(database_url, system.app.settings.data)
    assert len(before) > 15
    for options in ((), ("--force",), ("--json",), ("--threshold", "0")):
        run("batch", "upload", mixed, "--dry-run", *options)
    run("batch", "upload", jobs_file(), "--dry-run")
    assert everything(database_url, system.app.settings.data) == before


def test_a_real_run_does_what_the_dry_run_said(system, run, mixed, tmp_path):
    other = write(tmp_path / "other.csv", [GOOD | {"reference": f"J-{number}"} for number in (33, 34, 99)])
    system.admit(run("batch", "upload", other, "--json").json()["batch_id"])
    said = run("batch", "upload", mixed, "--dry-run", "--json").json()
    assert said["would_be"] == "admitted"

    batch_id = run("batch", "upload", mixed, "--json").json()["batch_id"]
    system.admit(batch_id)
    row = system.app.queries.batch(batch_id)
    assert row.status is BatchStatus.PROCESSING
    assert (said["rows"], said["rejected"], said["errors_by_code"]) == (row.rows, row.rejected, row.errors_by_code)
    assert said["duplicates"] + said["known_references"] == row.duplicates == 3
    assert said["accepted"] - said["known_references"] == row.accepted
    assert (said["jobs"], said["value_pence"]) == (row.jobs, row.value_pence)
    refused = system.app.queries.row_errors(batch_id)
    assert [(error["row"], error["code"], error["fix"]) for error in said["first_errors"]] == [
        (error.row, error.code, error.fix) for error in refused
    ]

    gate, sent = Counter(), 0
    for listed in system.app.queries.jobs(batch_id=batch_id):
        job = decider.fold(system.app.ledger.load(listed.job_id).events)
        match clear(Task(listed.job_id, job, utc_now(), "")):
            case Done(output):
                gate[True, output["rule"], ""] += 1
                sent += 1
            case Block(rule, reason):
                gate[False, rule, reason] += 1
    told = Counter()
    for count in said["gate"]:
        told[count["allowed"], count["rule"], count["reason"]] += count["rows"]
    assert told == gate
    assert (said["allowed"], said["blocked"]) == (sent, row.jobs - sent)
    assert sum(count["rows"] for count in said["gate"] if count["channel"] == "sms") == 3
    calls = {stage["stage"]: stage["calls"] for stage in said["calls"]}
    assert calls == {"enrich": row.jobs, "verify": row.jobs, "dispatch": sent, "confirm": sent}


def test_a_broken_budget_and_the_desk_are_foreseen(system, run, mixed, jobs_file):
    broken = run("batch", "upload", mixed, "--dry-run", "--threshold", "4", "--json")
    assert broken.code == 1
    said = broken.json()
    assert (said["would_be"], said["budget_holds"], said["jobs"], said["gate"]) == ("rejected", False, 0, [])
    batch_id = run("batch", "upload", mixed, "--threshold", "4", "--json").json()["batch_id"]
    system.admit(batch_id)
    assert system.app.queries.batch(batch_id).rejection_reason == said["reason"]

    rules = desk_rules(Settings(approval_error_percent=2))
    foreseen = replace(system.app.dry_run, desk=rules)
    upload = system.app.receive.begin(_profile())
    path = jobs_file(good=19, bad=1)
    upload.write(path.read_bytes())
    forecast = foreseen(upload, _profile())
    upload.discard()
    system.app = replace(system.app, admit=replace(system.app.admit, desk=rules))
    waiting = run("batch", "upload", path, "--json").json()["batch_id"]
    system.admit(waiting)
    row = system.app.queries.batch(waiting)
    assert (forecast.would_be, forecast.reason, forecast.jobs) == ("awaiting_approval", row.approval_reason, 19)


def _profile():
    from dispatch.application.intake.profiles import SERVICE_JOB

    return SERVICE_JOB


def test_the_same_file_would_do_nothing_and_forced_it_is_all_duplicates(system, run, mixed):
    batch_id = run("batch", "upload", mixed, "--json").json()["batch_id"]
    system.admit(batch_id)
    again = run("batch", "upload", mixed, "--dry-run")
    assert again.code == 0
    assert "Nothing would be done: the same content was received before." in again.out
    assert f"The file is batch {batch_id[:8]} already (mixed.csv, by " in again.out
    forced = run("batch", "upload", mixed, "--dry-run", "--force", "--json").json()
    assert (forced["jobs"], forced["known_references"]) == (0, forced["accepted"])


def test_a_file_that_cannot_be_taken_is_refused_as_ever(system, run, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("reference,service\nJ-1,boiler\n")
    answer = run("batch", "upload", path, "--dry-run", "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (1, "columns_missing")


def test_prices_make_costs_and_no_price_says_so(system, run, mixed, monkeypatch):
    told = run("batch", "upload", mixed, "--dry-run").out
    assert "no price set" in told
    monkeypatch.setenv("DISPATCH_PROVIDER_PRICES", "enrich=2.5, dispatch=4")
    said = run("batch", "upload", mixed, "--dry-run", "--json").json()
    costs = {stage["stage"]: stage["cost_pence"] for stage in said["calls"]}
    assert costs == {"enrich": 2.5 * said["jobs"], "verify": None, "dispatch": 4.0 * said["allowed"], "confirm": None}
    assert said["cost_pence"] == costs["enrich"] + costs["dispatch"]
    monkeypatch.setenv("DISPATCH_PROVIDER_PRICES", "enrich: two pence")
    answer = run("batch", "upload", mixed, "--dry-run", "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (1, "setting_invalid")
    with pytest.raises(SettingsError, match="PROVIDER_PRICES"):
        provider_prices(Settings(provider_prices="enrich"))


def test_how_long_it_takes_is_said_once_something_was_measured(system, run, mixed, jobs_file):
    assert "no measurements yet" in run("batch", "upload", mixed, "--dry-run").out
    batch_id = run("batch", "upload", jobs_file(good=30), "--json").json()["batch_id"]
    system.admit(batch_id)
    system.deliver(batch_id)
    assert system.app.queries.batch(batch_id).status is BatchStatus.COMPLETE
    estimate = run("batch", "upload", mixed, "--dry-run", "--json").json()["estimate"]
    pace = estimate["pace"]
    assert pace["batches"] == 1
    jobs = run("batch", "upload", mixed, "--dry-run", "--json").json()["jobs"]
    assert estimate["seconds"] == pytest.approx(40 / pace["rows_per_s"] + jobs / pace["jobs_per_s"], abs=0.1)
    assert "All jobs would have ended after about" in run("batch", "upload", mixed, "--dry-run").out
