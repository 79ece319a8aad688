"""`dispatch doctor` names batches that do not move and approvals that nobody gives, with what to do."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from dispatch.application.alarms import CODES
from dispatch.application.intake.turns import Outcome
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.intake_sheet import FAILURES_MAX
from dispatch.domain.batch.state import BatchStatus
from dispatch.entrypoints.cli.examination import ALARMS
from dispatch.entrypoints.desk_rules import desk_rules
from dispatch.entrypoints.settings import Settings

pytestmark = pytest.mark.postgres


@pytest.fixture
def database_url(production_url: str) -> str:
    """The doctor looks at the server's settings too, and its exit code counts them."""
    return production_url


def found(run, name: str) -> list[dict[str, str]]:
    return [one for one in run("doctor", "--json").json()["findings"] if one["name"] == name]


def upload(system, run, path) -> str:
    batch_id = run("batch", "upload", path, "--json").json()["batch_id"]
    system.project()
    return batch_id


def test_the_doctor_has_a_word_for_each_alarm():
    assert set(ALARMS) == set(CODES)


def test_where_all_is_well_the_doctor_says_so(system, run, jobs_file):
    upload(system, run, jobs_file())
    assert [one["level"] for name in ("batches", "approvals") for one in found(run, name)] == ["ok", "ok"]


@pytest.mark.acceptance("1.16", part="the doctor names a batch whose file is lost, why, and what to do")
@pytest.mark.acceptance("1.34", part="a lost file is put back by sending it again")
def test_a_lost_file_is_an_alarm_and_sending_it_again_mends_it(system, run, jobs_file, database_url):
    path = jobs_file(name="april.csv")
    batch_id = upload(system, run, path)
    [kept] = [file for file in (system.app.settings.data / "files").rglob("*") if file.is_file()]
    kept.unlink()
    for _ in range(FAILURES_MAX):
        assert system.app.take_turn("w").outcome is Outcome.FAILED
        with psycopg.connect(database_url) as connection:  # Later.
            connection.execute("UPDATE ops.intake_turns SET next_at = now()")
    [alarm] = found(run, "batches")
    assert alarm["level"] == "fail"
    assert f"april.csv ({batch_id[:8]}) is uploaded and failed 5 times in a row: file_missing" in alarm["found"]
    assert "send the same file again" in alarm["fix"]
    assert run("doctor").code == 2

    run("batch", "upload", path)
    assert system.app.take_turn("w").status is BatchStatus.PROCESSING
    assert [one["level"] for one in found(run, "batches")] == ["ok"]


def test_a_batch_that_does_not_move_is_an_alarm(system, run, jobs_file):
    upload(system, run, jobs_file())

    class Later:
        def stuck(self):
            return system.app.intake_sheet.stuck(after=timedelta(seconds=-1))

    [alarm] = replace(system.app.alarms, sheet=Later())()
    assert (alarm.code, "jobs.csv" in alarm.what) == ("batch_stuck", True)
    assert "has not moved since then" in alarm.what
    assert "dispatch run intake projector" in alarm.fix


@pytest.mark.acceptance("1.39", part="an overdue approval is an alarm")
def test_an_overdue_approval_is_an_alarm(system, run, jobs_file):
    rules = desk_rules(Settings(approval_error_percent=2))
    system.app = replace(system.app, admit=replace(system.app.admit, desk=rules))
    batch_id = upload(system, run, jobs_file(good=19, bad=1))
    system.admit(batch_id)
    assert system.app.alarms() == []
    late = replace(system.app.alarms, clock=lambda: utc_now() + timedelta(minutes=31))
    [alarm] = late()
    assert (alarm.code, alarm.batch_id) == ("approval_overdue", batch_id)
    escalate = replace(system.app.escalate_approvals, clock=late.clock)
    assert [one.level for one in escalate()] == [2]
    system.project()
    [finding] = found(run, "approvals")
    assert finding["level"] == "warn"
    assert "on level 2 of 3: Error rate 5.0%" in finding["found"]
    assert f"dispatch batch approve {batch_id[:8]}" in finding["fix"]
