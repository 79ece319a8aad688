"""`dispatch up` as a newcomer meets it."""

import re
from pathlib import Path

import msgspec
import psycopg
import pytest

from end_to_end.running import dispatch, eventually, up
from processes import await_gone
from servers import as_user

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats, pytest.mark.timeout(180)]


def test_the_demo_reaches_a_summary_that_adds_up(tmp_path: Path):
    ended = dispatch("up", "--demo", "--once", "--json", "--data", str(tmp_path / "data"), "--port", "0")
    assert ended.returncode == 0, ended.stderr
    made = msgspec.json.decode(ended.stdout)
    counted = made["account"]
    assert made["adds_up"] is True
    assert counted["rows"] == 500
    assert counted["delivered"] > 400
    assert counted["blocked"] > 20
    assert (counted["rejected"], counted["duplicates"]) == (20, 4)
    ends = ("delivered", "escalated", "blocked", "cancelled", "rejected", "duplicates", "open")
    assert sum(counted[name] for name in ends) == 500


def test_ctrl_c_stops_everything_within_15_seconds(tmp_path: Path):
    with up(tmp_path / "data", "--demo") as running:
        pids = running.note["pids"].values()
        code, output, took_s = running.stop()
        assert code == 0, output
        assert took_s < 15
        for pid in pids:
            await_gone(pid, limit_s=60)
        assert not (tmp_path / "data" / "runtime.json").exists()


def test_a_second_start_keeps_the_data_and_does_nothing_twice(tmp_path: Path):
    data = str(tmp_path / "data")
    first = dispatch("up", "--demo", "--once", "--data", data, "--port", "0")
    assert first.returncode == 0, first.stderr
    second = dispatch("up", "--demo", "--once", "--data", data, "--port", "0")
    assert second.returncode == 0, second.stderr
    assert re.search(r"is batch [0-9a-f]{8} already: nothing is done twice", second.stderr)
    assert "Adds up, counted from the ledger: 500 rows" in second.stdout


@pytest.mark.acceptance("0.09", part="the running system has no right to change the ledger")
def test_the_running_system_works_without_the_rights_of_the_owner(tmp_path: Path):
    with up(tmp_path / "data", "--demo") as running, running.app() as app:
        eventually(app.queries.batches, lambda rows: rows and rows[0].delivered > 0)
        owner_url = as_user(str(running.note["database_url"]), "dispatch")
        with psycopg.connect(owner_url) as owner:
            sessions = owner.execute(
                "SELECT DISTINCT usename::text FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        assert sessions == [("dispatch_service",)]
        doctor = dispatch("doctor", "--json", "--data", str(running.data))
        levels = {finding["name"]: finding["level"] for finding in msgspec.json.decode(doctor.stdout)["findings"]}
        assert levels["database roles"] == levels["append-only"] == "ok"


def test_a_dead_process_is_started_again(tmp_path: Path):
    with up(tmp_path / "data") as running, running.app() as app:
        running.kill("projector")
        sample = Path(__file__).parents[2] / "samples" / "service-jobs.csv"
        ended = dispatch("batch", "upload", str(sample), "--wait", "--json", "--data", str(running.data))
        assert ended.returncode == 0, ended.stdout + ended.stderr
        [row] = eventually(app.queries.batches, lambda rows: len(rows) == 1)
        assert row.jobs == 476


@pytest.mark.acceptance("1.13", part="through the whole system")
def test_a_file_over_its_error_budget_is_refused_whole(tmp_path: Path):
    sample = Path(__file__).parents[2] / "samples" / "service-jobs-too-many-errors.csv"
    ended = dispatch("up", str(sample), "--once", "--data", str(tmp_path / "data"), "--port", "0")
    assert ended.returncode == 1
    assert "Batch Rejected. Error Rate 15% > 10% Budget." in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["missing.csv"], "file_missing"), (["."], "file_is_directory")],
)
def test_a_file_that_cannot_be_read_is_said_before_anything_starts(arguments: list[str], code: str, tmp_path: Path):
    ended = dispatch("up", *arguments, "--data", str(tmp_path / "data"))
    assert ended.returncode == 1
    assert code in ended.stderr
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_folder_that_dispatch_did_not_make_is_not_emptied(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    ended = dispatch("up", "--demo", "--fresh", "--once", "--data", str(tmp_path))
    assert ended.returncode == 1
    assert "folder_not_ours" in ended.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
