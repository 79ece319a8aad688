"""`dispatch batch desk | approve | reject | prioritise`: what waits for a person, and what the person decides."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dispatch.application.ports.clock import utc_now
from dispatch.domain.batch.desk import DeskRules, Priority
from dispatch.domain.batch.state import BatchStatus
from dispatch.entrypoints.cli import context
from dispatch.entrypoints.desk_rules import desk_rules
from dispatch.entrypoints.settings import Settings

pytestmark = pytest.mark.postgres
MINUTES = 30


@pytest.fixture
def strict(system):
    """The system under rules: a look at more than 2 % refused rows, or at more than £1,000."""
    rules = desk_rules(Settings(approval_error_percent=2, approval_value_pounds=1_000, approval_minutes=MINUTES))
    return under(system, rules)


def under(system, rules):
    system.app = replace(system.app, admit=replace(system.app.admit, desk=rules))
    return system


def waiting(system, run, path):
    batch_id = run("batch", "upload", path, "--json").json()["batch_id"]
    system.admit(batch_id)
    return batch_id


def test_without_settings_nobody_is_asked():
    assert desk_rules(Settings()) == DeskRules()
    assert desk_rules(Settings(approval_error_percent=0, approval_value_pounds=5)) == DeskRules(
        warning_percent=0, value_pence_max=500
    )


@pytest.mark.acceptance("1.59", part="the desk at the command line: why, on which level, until when")
def test_the_desk_says_what_waits_and_why(strict, run, jobs_file):
    batch_id = waiting(strict, run, jobs_file(good=19, bad=1))
    [row] = run("batch", "desk", "--json").lines()
    assert row["batch_id"] == batch_id
    assert row["approval_reason"] == "Error rate 5.0% is above the warning rate 2%; Value £1,615.00 is above £1,000.00"
    assert (row["approval_level"], row["value_pence"], row["received_by"]) == (1, 19 * 8_500, context.who())
    told = run("batch", "desk").out
    assert "Error rate 5.0% is above the warning rate 2%" in " ".join(told.split())
    assert "1 operations" in told
    assert "in 30 min" in told
    shown = run("batch", "show", batch_id[:8]).out
    assert "Batch Waits for Approval. Error rate 5.0% is above the warning rate 2%" in shown
    assert f'dispatch batch approve {batch_id[:8]} --reason "..."' in shown
    assert strict.app.queries.job_totals().running == 0


@pytest.mark.acceptance("1.59", part="approved: the good rows become jobs")
def test_an_approved_batch_is_taken_in(strict, run, jobs_file):
    batch_id = waiting(strict, run, jobs_file(good=19, bad=1))
    answer = run("batch", "approve", batch_id[:8], "--reason", "the list is right", "--json").json()
    assert answer == {"batch_id": batch_id, "recorded": ["BatchApproved"]}
    strict.admit(batch_id)
    row = strict.app.queries.batch(batch_id)
    assert (row.status, row.jobs, row.decided_by) == (BatchStatus.PROCESSING, 19, context.who())
    again = run("batch", "approve", batch_id[:8], "--reason", "the list is right")
    assert again.out == f"Batch {batch_id[:8]} was approved already.\n"
    assert run("batch", "desk").err.startswith("No batch waits for approval.")


@pytest.mark.acceptance("1.59", part="rejected by a person, with the reason")
def test_a_rejected_batch_ends_with_the_reason(strict, run, jobs_file):
    batch_id = waiting(strict, run, jobs_file(good=19, bad=1))
    run("batch", "reject", batch_id[:8], "--reason", "last year's prices")
    strict.project()
    row = strict.app.queries.batch(batch_id)
    assert (row.status, row.rejection_code) == (BatchStatus.REJECTED, "refused_by_a_person")
    assert "Batch Rejected. last year's prices" in run("batch", "show", batch_id[:8]).out
    late = run("batch", "approve", batch_id[:8], "--reason", "after all", "--json")
    assert late.code == 1
    error = late.json()["error"]
    assert error["code"] == "batch_not_awaiting_approval"
    assert "dispatch batch desk" in error["fix"]


@pytest.mark.acceptance("1.34", part="a batch that cannot be judged is failed by a person")
def test_a_batch_that_is_not_judged_yet_can_be_rejected(system, run, jobs_file):
    batch_id = run("batch", "upload", jobs_file(), "--json").json()["batch_id"]
    system.project()
    assert run("batch", "reject", batch_id[:8], "--reason", "its file is lost").code == 0
    system.admit(batch_id)
    row = system.app.queries.batch(batch_id)
    assert (row.status, row.rejection_reason, row.jobs) == (BatchStatus.REJECTED, "its file is lost", 0)


def test_under_the_two_person_rule_somebody_else_must_approve(system, run, jobs_file, monkeypatch):
    rules = desk_rules(Settings(approval_error_percent=2, approval_other_person=True))
    under(system, rules)
    batch_id = waiting(system, run, jobs_file(good=19, bad=1))
    mine = run("batch", "approve", batch_id[:8], "--reason", "looks fine to me", "--json")
    assert (mine.code, mine.json()["error"]["code"]) == (1, "approver_brought_it")
    assert "somebody else" in mine.json()["error"]["fix"]
    monkeypatch.setattr("dispatch.entrypoints.cli.batch_desk.who", lambda: "eve")
    assert run("batch", "approve", batch_id[:8], "--reason", "checked").code == 0


def test_a_decision_needs_a_reason(strict, run, jobs_file):
    batch_id = waiting(strict, run, jobs_file(good=19, bad=1))
    answer = run("batch", "approve", batch_id[:8], "--reason", "  ", "--json")
    assert (answer.code, answer.json()["error"]["code"]) == (1, "reason_missing")
    assert run("batch", "reject", batch_id[:8]).code == 2


def test_waiting_for_a_file_that_needs_approval_ends_with_3(strict, run, jobs_file):
    path = jobs_file(good=19, bad=1)
    waiting(strict, run, path)
    answer = run("batch", "upload", path, "--wait")
    assert answer.code == 3
    assert "Batch Waits for Approval." in answer.out
    assert "Let it in: dispatch batch approve" in answer.out
    as_json = run("batch", "upload", path, "--wait", "--json")
    assert (as_json.code, as_json.json()["batch"]["status"]) == (3, "awaiting_approval")


@pytest.mark.acceptance("1.39", part="the timer asks a level up, and says so once")
def test_an_approval_that_nobody_gives_goes_up_level_by_level(strict, run, jobs_file):
    batch_id = waiting(strict, run, jobs_file(good=19, bad=1))
    escalate, levels = strict.app.escalate_approvals, []
    assert escalate() == []
    for level in (2, 3, 3):
        late = utc_now() + timedelta(minutes=MINUTES * level + 1)
        levels += [
            (found.batch_id, found.level)
            for _ in range(2)
            for found in replace(escalate, clock=lambda late=late: late)()
        ]
        strict.project()
    assert levels == [(batch_id, 2), (batch_id, 3)]
    row = strict.app.queries.batch(batch_id)
    assert (row.approval_level, row.approval_due_at) == (3, None)
    assert "overdue" in run("batch", "desk").out


@pytest.mark.acceptance("1.57", part="given at the upload, changed while the batch waits")
def test_a_priority_is_given_and_changed(system, run, jobs_file):
    batch_id = run("batch", "upload", jobs_file(), "--priority", "high", "--json").json()["batch_id"]
    system.project()
    assert system.app.queries.batch(batch_id).priority is Priority.HIGH
    answer = run("batch", "prioritise", batch_id[:8], "urgent", "--reason", "no heating", "--json").json()
    assert answer["recorded"] == ["BatchPrioritised"]
    system.admit(batch_id)
    assert system.app.queries.batch(batch_id).priority is Priority.URGENT
    late = run("batch", "prioritise", batch_id[:8], "low", "--reason", "not now", "--json")
    assert (late.code, late.json()["error"]["code"]) == (1, "batch_taken_in")
    assert run("batch", "prioritise", batch_id[:8], "top", "--reason", "x").code == 2
