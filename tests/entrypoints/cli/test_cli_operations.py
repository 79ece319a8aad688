"""`dispatch view | pipeline | config | doctor`: what an operator asks."""

import json
import os
import re
import sys
from pathlib import Path

import psycopg
import pytest

from dispatch.adapters.postgres.migrate import newest_revision
from dispatch.entrypoints.cli.context import Cli
from dispatch.entrypoints.cli.examination import Level, examine
from dispatch.entrypoints.settings import RUNTIME_FILE
from servers import application_url


@pytest.fixture
def database_url(production_url: str) -> str:
    """The doctor looks at the server's settings too, and its exit code counts them."""
    return production_url


@pytest.fixture
def batch_id(system, run, jobs_file) -> str:
    """A batch of 19 jobs at the first stage, and one refused row."""
    batch_id = run("batch", "upload", jobs_file(good=19, bad=1), "--json").json()["batch_id"]
    system.admit(batch_id)
    return batch_id


@pytest.mark.postgres
def test_views_say_how_far_they_are(system, run, batch_id: str):
    views = {row["view"]: row for row in run("view", "list", "--json").lines()}
    head = system.app.ledger.head()
    assert {(row["position"], row["lag"]) for row in views.values()} == {(head, 0)}
    assert views["jobs"]["rows"] == 19
    assert views["batches"]["tables"] == {"intake.batches": 1, "intake.row_errors": 1}
    system.app.desk.cancel(system.app.queries.jobs(batch_id=batch_id)[0].job_id, "ann", "moved")
    assert {row["lag"] for row in run("view", "list", "--json").lines()} == {1}
    assert "escalations" in run("view", "list").out


@pytest.mark.postgres
def test_a_rebuilt_view_equals_the_one_that_served(system, run, batch_id: str):
    rebuilt = run("view", "rebuild", "--all", "--json")
    assert rebuilt.code == 0
    assert {row["equal"] for row in rebuilt.lines()} == {True}
    assert {row["view"] for row in rebuilt.lines()} >= {"batches", "jobs", "escalations", "stage_progress"}
    one = run("view", "rebuild", "jobs")
    assert one.code == 0
    checksum = next(row["checksum_after"] for row in rebuilt.lines() if row["view"] == "jobs")
    assert one.out.count(checksum[:16]) == 2


@pytest.mark.postgres
def test_a_view_that_was_wrong_is_replaced_and_told(system, run, batch_id: str, database_url: str):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE ops.jobs SET status = 'delivered' WHERE row_number = 3")
    answer = run("view", "rebuild", "jobs", "--json")
    assert answer.code == 1
    assert answer.json()["equal"] is False
    assert answer.json()["checksum_before"] != answer.json()["checksum_after"]
    assert run("view", "rebuild", "jobs", "--json").json()["equal"] is True


@pytest.mark.postgres
def test_which_view_must_be_said(system, run):
    assert run("view", "rebuild").code == 2
    assert run("view", "rebuild", "jobs", "--all").code == 2
    unknown = run("view", "rebuild", "jbos")
    assert unknown.code == 1
    assert unknown.err.startswith("error view_unknown\n")
    assert "choose one of batches, " in unknown.err


@pytest.mark.postgres
def test_the_pipeline_with_what_is_there(system, run, batch_id: str):
    system.settle(batch_id, "validate", only=[system.app.queries.jobs(batch_id=batch_id)[0].job_id])
    stages = {row["stage"]: row for row in run("pipeline", "--json").lines()}
    usual = ["validate", "promote", "slots", "enrich", "verify", "clear", "dispatch", "confirm"]
    assert list(stages)[:8] == usual
    assert stages["validate"]["now"]["running"] == 18
    assert stages["validate"]["now"]["completed"] == 1
    assert stages["validate"]["kind"] == "pure"
    assert stages["dispatch"]["acts"] is True
    assert stages["dispatch"]["retry"]["attempts_max"] == 5
    assert "5 attempts, 1.0 s doubling to 60 s, jitter 250 ms" in run("pipeline").out


def test_the_pipeline_shows_each_route(system, run):
    shown = run("pipeline").out
    assert "company-outreach: validate_company > promote_company > company_slots > enrich_slots" in shown
    assert "notification: clear > dispatch > confirm" in shown
    stages = {row["stage"]: row for row in run("pipeline", "--json").lines()}
    assert stages["promote_company"]["kind"] == "register"
    assert stages["promote_company"]["routes"] == ["company-outreach"]
    assert stages["clear"]["routes"] == ["company-outreach", "notification", "service-job"]


def test_the_pipeline_shows_what_is_in_force(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "stages.toml").write_text(
        "[stages.verify]\nattempts_max = 3\ndelay_first_s = 30\ndelay_cap_s = 30\nin_flight_max = 7\n"
        "[stages.confirm]\nattempts_max = 1\n"
    )
    monkeypatch.setenv("DISPATCH_STAGES_FILE", str(tmp_path / "stages.toml"))
    shown = run("pipeline", "--data", tmp_path).out
    assert "3 attempts, 30 s each time, jitter 250 ms" in shown
    assert "1 attempt " in shown
    assert "verify: attempts_max, delay_first_s, delay_cap_s, in_flight_max as DISPATCH_STAGES_FILE says" in shown
    stages = {row["stage"]: row for row in run("pipeline", "--data", tmp_path, "--json").lines()}
    assert (stages["verify"]["in_flight_max"], stages["verify"]["retry"]["delay_first_s"]) == (7, 30)
    assert [name for name in stages if stages[name]["set"]] == ["verify", "confirm"]


def test_a_setting_of_stages_that_cannot_be_used_stops_every_command(run, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("DISPATCH_STAGES", "stages.enirch.attempts_max = 3")
    answer = run("pipeline", "--data", tmp_path)
    assert answer.code != 0
    assert "DISPATCH_STAGES: [stages.enirch]: there is no such stage; did you mean enrich?" in answer.err


def test_the_pipeline_without_a_system(run, tmp_path: Path):
    answer = run("pipeline", "--data", tmp_path)
    assert answer.code == 0
    assert "validate" in answer.out
    assert "no system runs on" in answer.err


def test_settings_say_where_they_come_from(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    secret = tmp_path / "key"
    secret.write_text("the-key\n")
    (tmp_path / RUNTIME_FILE).write_text(json.dumps({"pid": os.getpid(), "database_url": "postgresql://u:pw@h/d"}))
    monkeypatch.setenv("DISPATCH_WORKERS", "3")
    monkeypatch.setenv("DISPATCH_PROVIDER_API_KEY_FILE", str(secret))
    answer = run("--data", tmp_path, "config", "--json")
    known = answer.json()
    assert known["workers"] == {"value": 3, "source": "DISPATCH_WORKERS"}
    assert known["provider_api_key"] == {"value": "********", "source": "DISPATCH_PROVIDER_API_KEY_FILE"}
    assert known["database_url"] == {"value": "postgresql://u:********@h/d", "source": RUNTIME_FILE}
    assert known["data"] == {"value": str(tmp_path), "source": "command line"}
    assert known["http_port"]["source"] == "default"
    text = run("config", "--data", tmp_path).out
    assert "DISPATCH_WORKERS" in text
    assert "pw@" not in text + answer.out
    assert "the-key" not in text + answer.out


def findings(run, *arguments: object) -> tuple[int, dict[str, tuple[str, str]]]:
    answer = run("doctor", "--json", *arguments)
    return answer.code, {one["name"]: (one["level"], one["found"]) for one in answer.json()["findings"]}


@pytest.mark.postgres
@pytest.mark.nats
def test_the_doctor_on_a_healthy_system(system, run, nats_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DISPATCH_NATS_URL", nats_url)
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Disk(total=100, free=50))
    code, found = findings(run)
    assert code == 0, found
    assert {level for level, _ in found.values()} == {"ok"}
    assert found["fsync"] == ("ok", "on")
    assert found["synchronous_commit"] == ("ok", "on")
    assert re.fullmatch(r"version \d+\.\d+\.\d+, JetStream on, streams: \d+", found["nats"][1])
    assert "events behind" in found["views"][1]
    text = run("doctor").out
    assert text.count("\nok ") >= 8
    assert "fix:" not in text


@pytest.mark.postgres
def test_the_doctor_says_how_far_subscribers_are_behind(system, run, batch_id: str, monkeypatch: pytest.MonkeyPatch):
    assert findings(run)[1]["subscribers"] == ("ok", "nothing published yet")
    head = system.app.ledger.head()
    system.app.published.note(head)
    assert findings(run)[1]["subscribers"] == ("ok", "0 events, 0.0 s behind")
    system.app.published.note(head - 3)
    monkeypatch.setattr("dispatch.entrypoints.cli.examination.PUBLISHER_LAG_WARN_S", 0)
    level, found = findings(run)[1]["subscribers"]
    assert (level, found.split(",")[0]) == ("warn", "3 events")
    assert "publisher.interrupted" in run("doctor").out.replace("\n", " ")


class _Disk:
    def __init__(self, total: int, free: int) -> None:
        self.total, self.free = total, free


@pytest.mark.parametrize(("free", "level"), [(15, Level.OK), (14, Level.WARN), (5, Level.WARN), (4, Level.FAIL)])
def test_the_doctor_on_free_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level):
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Disk(total=100, free=free))
    [disk] = [finding for finding in examine(Cli(data=tmp_path)) if finding.name == "disk"]
    assert disk.level is level
    assert bool(disk.fix) is (level is not Level.OK)


def test_the_doctor_without_a_system_only_warns(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Disk(total=100, free=50))
    code, found = findings(run, "--data", tmp_path / "new")
    assert code == 1
    assert found["postgres"][0] == found["nats"][0] == "warn"
    assert found["python"] == ("ok", f"{sys.version.split()[0]} in {sys.prefix}")
    assert not (tmp_path / "new").exists()


def test_the_doctor_where_nothing_answers(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DISPATCH_DATABASE_URL", "postgresql://ann@127.0.0.1:1/dispatch")
    monkeypatch.setenv("DISPATCH_NATS_URL", "nats://127.0.0.1:1")
    code, found = findings(run, "--data", tmp_path)
    assert code == 2
    assert found["postgres"][0] == found["nats"][0] == "fail"
    text = run("doctor", "--data", tmp_path).out
    assert "fix: start it with `dispatch up`, or correct the URL" in text


@pytest.mark.postgres
def test_the_doctor_on_a_database_that_was_never_prepared(run, empty_url: str, tmp_path, monkeypatch):
    monkeypatch.setenv("DISPATCH_DATABASE_URL", empty_url)
    code, found = findings(run, "--data", tmp_path)
    assert code == 2
    assert found["schema"][0] == "fail"
    assert found["schema"][1].startswith("revision none, ")
    refused = run("batch", "list", "--data", tmp_path)
    assert refused.code == 1
    assert refused.err.startswith("error database_not_prepared\n")


@pytest.mark.postgres
@pytest.mark.acceptance("0.09", part="the doctor says when the database is weaker")
def test_the_doctor_where_the_application_could_change_the_ledger(system, run, database_url: str, monkeypatch):
    assert findings(run)[1]["database roles"] == ("ok", "dispatch_service can add to the ledger, not change or remove")
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("GRANT DELETE ON ledger.stored_events TO dispatch_app")
    code, found = findings(run)
    assert code == 1
    expected = "dispatch_service has DELETE on the ledger, so that only the guard refuses"
    assert found["database roles"] == ("warn", expected)
    monkeypatch.setenv("DISPATCH_DATABASE_URL", database_url)
    level, text = findings(run)[1]["database roles"]
    assert level == "warn"
    assert text.endswith(", a superuser: it could switch the ledger's guard off")
    assert "docs/runbook.md, Database roles" in run("doctor").out


@pytest.mark.postgres
def test_the_owner_prepares_a_database_for_a_user_of_its_own(run, empty_url: str, tmp_path, monkeypatch):
    url = application_url(empty_url)
    monkeypatch.setenv("DISPATCH_DATABASE_URL", url)
    monkeypatch.setenv("DISPATCH_DATA", str(tmp_path))
    with psycopg.connect(empty_url, autocommit=True) as owner:  # Perhaps there: the roles stay.
        if not owner.execute("SELECT FROM pg_roles WHERE rolname = 'dispatch_service'").rowcount:
            owner.execute("CREATE ROLE dispatch_service LOGIN PASSWORD 'test-only'")
    refused = run("migrate")
    assert refused.code == 1
    assert refused.err.startswith("error not_running\n")
    assert "the user dispatch_service may not change it" in refused.err
    assert "fix    run `dispatch migrate` as its owner" in refused.err
    monkeypatch.setenv("DISPATCH_DATABASE_OWNER_URL", empty_url)
    assert run("migrate", "--json").json() == {"revision": newest_revision()}
    assert run("migrate").out == f"the database is at revision {newest_revision()}\n"
    monkeypatch.delenv("DISPATCH_DATABASE_OWNER_URL")
    assert run("migrate").code == 0
    assert run("batch", "list", "--json").code == 0


@pytest.mark.postgres
def test_the_doctor_where_a_power_cut_would_lose_answers(system, run, database_url: str):
    name = database_url.rsplit("/", 1)[1].partition("?")[0]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    code, found = findings(run)
    assert code == 2
    assert found["synchronous_commit"] == ("fail", "off")


def test_the_doctor_on_settings_that_cannot_be_used(run, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DISPATCH_WORKERS", "many")
    code, found = findings(run, "--data", tmp_path)
    assert code == 2
    assert found["settings"][0] == "fail"
    assert "DISPATCH_WORKERS" in found["settings"][1]
