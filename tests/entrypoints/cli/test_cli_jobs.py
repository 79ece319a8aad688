"""`dispatch job` and `dispatch escalation`: single jobs, and what people do to them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.provider_sheet import Report
from dispatch.domain.job.commands import OUTCOME_UNKNOWN, Block, GiveUp, TryAgain

pytestmark = pytest.mark.postgres


@pytest.fixture
def batch_id(system, run, jobs_file) -> str:
    """A batch of three jobs, the first of which waits for a person."""
    batch_id = run("batch", "upload", jobs_file(good=3), "--json").json()["batch_id"]
    system.admit(batch_id)
    first = system.app.queries.jobs(batch_id=batch_id)[0]
    system.settle(batch_id, "validate", GiveUp("price_not_positive"), only=[first.job_id])
    return batch_id


def test_the_list(system, run, batch_id: str):
    rows = run("job", "list", "--batch", batch_id[:8], "--json").lines()
    assert [(row["row"], row["reference"], row["status"]) for row in rows] == [
        (1, "JOB-00001", "escalated"),
        (2, "JOB-00002", "running"),
        (3, "JOB-00003", "running"),
    ]
    assert run("job", "list", "--status", "escalated", "--json").lines() == rows[:1]
    assert run("job", "list", "--stage", "confirm", "--json").lines() == []
    text = run("job", "list", "--limit", "2")
    assert f"{batch_id[:8]}:1" in text.out
    assert "£85.00" in text.out
    assert "there may be more" in text.err
    assert run("job", "list", "--status", "lost").code == 2


def test_a_job_by_its_row_its_id_or_the_beginning_of_it(system, run, batch_id: str):
    by_row = run("job", "show", f"{batch_id[:8]}:2", "--json").json()
    job_id = by_row["job"]["job_id"]
    assert by_row["job"]["reference"] == "JOB-00002"
    assert run("job", "show", job_id, "--json").json() == by_row
    assert run("job", "show", job_id.upper(), "--json").json() == by_row
    assert run("job", "show", job_id[:20]).err.startswith("error job_id_ambiguous\n")
    assert run("job", "show", f"{batch_id[:8]}:4").err.startswith("error job_unknown\n")
    assert run("job", "show", f"{batch_id[:8]}:9999999999").err.startswith("error job_unknown\n")
    assert run("job", "show", "job-7").err.startswith("error job_id_invalid\n")


def test_a_job_and_its_history_without_its_person(system, run, batch_id: str):
    shown = run("job", "show", f"{batch_id}:1", "--json")
    steps = [(step["name"], step["stage"], step["code"], step["actor"]) for step in shown.json()["timeline"]]
    assert steps == [
        ("JobOpened", "", "", "intake"),
        ("StageFailed", "validate", "price_not_positive", "worker"),
        ("JobEscalated", "validate", "price_not_positive", "worker"),
    ]
    assert shown.json()["person"]["name"] == "xxx xxxxxxx"
    text = run("job", "show", f"{batch_id}:1")
    assert "price_not_positive" in text.out
    for answer in (shown, text):
        for personal in ("Ann", "Example", "example.org", "7700"):
            assert personal not in answer.out


def test_a_job_as_it_was_at_a_moment(system, run, batch_id: str):
    job = f"{batch_id}:1"
    now = run("job", "show", job, "--json").json()
    opened_at, failed_at = (step["at"] for step in now["timeline"][:2])
    then = run("job", "show", job, "--at", opened_at, "--json").json()
    assert (then["job"]["status"], then["job"]["stage"], then["job"]["version"]) == ("running", "validate", 1)
    assert [step["name"] for step in then["timeline"]] == ["JobOpened"]
    assert then["as_of"] == opened_at
    assert "As it was on" in run("job", "show", job, "--at", opened_at).out
    after = run("job", "show", job, "--at", "2999-01-01 10:00", "--json").json()
    assert after == {**now, "as_of": "2999-01-01T10:00:00Z"}  # Folded from the ledger, it is the row of the view.
    assert run("job", "show", job, "--at", failed_at, "--json").json()["job"]["error_code"] == "price_not_positive"
    early = run("job", "show", job, "--at", "2020-01-01 10:00", "--json")
    assert (early.code, early.json()["error"]["code"]) == (1, "job_not_yet_opened")
    assert "opened at 2" in early.json()["error"]["where"]
    wrong = run("job", "show", job, "--at", "noon")
    assert wrong.code == 2
    assert "noon is not a time like 2026-11-27T10:00:00+00:00" in " ".join(wrong.err.split())


def test_why_a_job_is_where_it_is(system, run, batch_id: str):
    said = run("job", "why", f"{batch_id[:8]}:1", "--json").json()
    assert (said["status"], said["stage"], said["code"]) == ("escalated", "validate", "price_not_positive")
    assert said["decided"]["name"] == "JobEscalated"
    assert (said["profile"], said["profile_version"]) == ("service-job", 1)
    event = run("ledger", "show", said["decided"]["position"], "--json").json()
    assert (event["name"], event["actor"], event["causation_id"]) == (
        "JobEscalated.2",
        said["decided"]["actor"],
        said["decided"]["command_id"],
    )
    text = run("job", "why", f"{batch_id[:8]}:1").out
    for shown in ("the price is not above nothing", f"dispatch job resume {batch_id[:8]}:1", "service-job, version 1"):
        assert shown in text
    blocked = system.app.queries.jobs(batch_id=batch_id)[1]
    for stage in system.app.stages:
        if stage == "clear":
            break
        system.settle(batch_id, stage, only=[blocked.job_id])
    system.settle(batch_id, "clear", Block("PE8", "objected"), only=[blocked.job_id])
    text = run("job", "why", blocked.job_id).out
    assert "basis contract" in text
    assert "PE8, on which this version of dispatch decides otherwise" in text  # Nobody has objected.
    for personal in ("Ann", "Example", "example.org", "7700"):
        assert personal not in text


def test_how_many_attempts_it_has_and_how_many_are_spent(system, run, batch_id: str, monkeypatch: pytest.MonkeyPatch):
    second = system.app.queries.jobs(batch_id=batch_id)[1].job_id
    assert run("job", "why", second, "--json").json()["budget"] is None, "its stage calls nobody"
    for stage in ("validate", "promote", "slots"):
        system.settle(batch_id, stage, only=[second])
    assert "0 of 5 are spent at this stage, 1.0 s doubling to 60 s" in run("job", "why", second).out
    system.settle(batch_id, "enrich", TryAgain("timeout"), only=[second])
    monkeypatch.setenv("DISPATCH_STAGES", "stages.enrich = {attempts_max = 4, delay_first_s = 60}")
    assert "1 of 4 are spent at this stage, 60 s each time" in run("job", "why", second).out
    assert run("job", "why", second, "--json").json()["budget"]["attempts_max"] == 4
    assert run("job", "resume", second).code == 0
    assert "0 of 4 are spent" in run("job", "why", second).out
    assert run("job", "cancel", second, "--reason", "a test").code == 0
    assert run("job", "why", second, "--json").json()["budget"] is None, "it has ended"


@pytest.mark.acceptance("4.20", part="a job that waits says for which provider, limit or turn, and until when")
def test_what_a_job_waits_for_while_nothing_of_it_is_in_the_ledger(system, run, batch_id: str):
    second, third = system.app.queries.jobs(batch_id=batch_id)[1:3]
    stages = list(system.app.stages)
    for stage in stages[stages.index("validate") : stages.index("dispatch")]:
        system.settle(batch_id, stage, only=[second.job_id, third.job_id])
    said = run("job", "why", third.job_id, "--json").json()
    assert (said["inputs"]["ahead"], said["inputs"]["provider"]) == (1, "notifier")
    assert "one job is before it" in said["why"]
    system.app.provider_sheet.exchange({"notifier": Report(calls=20, failures=20)})
    said = run("job", "why", second.job_id, "--json").json()
    assert said["code"] == "breaker_open:notifier"
    assert said["until"] > utc_now().isoformat()
    text = run("job", "why", second.job_id).out
    assert "running at dispatch (breaker_open:notifier)" in text
    assert "until" in text
    assert run("pause", "provider", "notifier", "--reason", "their maintenance", "--for", "1h").code == 0
    system.project()
    paused = run("job", "why", second.job_id, "--json").json()
    assert paused["code"] == "provider_paused:notifier"
    assert "their maintenance" in paused["why"]


def test_resumed_twice_it_is_sent_on_once(system, run, batch_id: str):
    job = f"{batch_id}:1"
    first, again = run("job", "resume", job, "--json").json(), run("job", "resume", job, "--json").json()
    assert first["recorded"] == ["JobResumed"]
    assert again == {**first, "recorded": []}
    assert "was on its way already" in run("job", "resume", job).out
    system.project()
    assert run("escalation", "list", "--json").out == ""


def test_cancelled_with_a_reason(system, run, batch_id: str):
    job = f"{batch_id}:1"
    assert run("job", "cancel", job).code == 2
    assert "is cancelled." in run("job", "cancel", job, "--reason", "customer moved").out
    system.project()
    last = run("job", "show", job, "--json").json()["timeline"][-1]
    assert (last["name"], last["code"]) == ("JobCancelled", "customer moved")
    refused = run("job", "resume", job)
    assert refused.code == 1
    assert refused.err.startswith("error job_not_escalated\n")


def test_what_waits_for_a_person(system, run, batch_id: str):
    [row] = run("escalation", "list", "--json").lines()
    assert (row["stage"], row["reason"], row["priority"]) == ("validate", "price_not_positive", "NORMAL")
    text = run("escalation", "list")
    assert row["job_id"] in text.out
    assert "dispatch escalation retry" in text.err


def test_nothing_waits(system, run):
    answer = run("escalation", "list")
    assert (answer.code, answer.out) == (0, "")
    assert "Nothing waits for a person." in answer.err


def test_an_outcome_that_nobody_knows_is_settled_by_a_person(system, run, batch_id: str):
    job = f"{batch_id[:8]}:2"
    second = system.app.queries.jobs(batch_id=batch_id)[1]
    system.settle(batch_id, "validate", GiveUp(OUTCOME_UNKNOWN, in_doubt=True), only=[second.job_id])
    why = run("job", "why", job, "--json").json()
    assert (why["code"], why["actions"]) == ("outcome_unknown", ["settle"])
    assert run("job", "resume", job).err.startswith("error outcome_in_doubt\n")
    assert run("job", "settle", job, "--note", "?").code == 2
    answer = run("job", "settle", job, "--not-sent", "--note", "not in their log", "--json").json()
    assert answer["recorded"] == ["DoubtSettled"]
    assert "was settled already" in run("job", "settle", job, "--not-sent", "--note", "not in their log").out
    first = run("job", "settle", f"{batch_id[:8]}:1", "--sent", "--note", "x")
    assert first.err.startswith("error nothing_in_doubt\n")


def test_the_providers(run, system):
    rows = run("provider", "list", "--json").lines()
    assert [(row["capability"], row["name"], row["order"], row["state"]) for row in rows] == [
        (name, name, 1, "closed") for name in ("contact_finder", "email_verifier", "notifier")
    ]
    system.app.provider_sheet.exchange({"notifier": Report(calls=20, failures=15, took_ms=2000)})
    text = run("provider", "list").out
    assert "left alone for" in text
    assert "25.0%" in text


def test_the_queue_of_people_is_worked_off(system, run, batch_id: str):
    jobs = [job.job_id for job in system.app.queries.jobs(batch_id=batch_id)]
    system.settle(batch_id, "validate", GiveUp("price_not_positive"), only=[jobs[1]])
    assert [row["job_id"] for row in run("escalation", "list", "--free", "--json").lines()] == jobs[:2]
    assert run("escalation", "next", "--json").json()["job_id"] == jobs[0]
    assert run("escalation", "assign", f"{batch_id[:8]}:1", "--to", "eve", "--json").json()["recorded"] == [
        "EscalationAssigned"
    ]
    system.project()
    assert run("escalation", "next", "--json").json()["job_id"] == jobs[1]
    assert [row["assignee"] for row in run("escalation", "list", "--json").lines()] == ["eve", ""]
    assert run("escalation", "list", "--mine", "--free").code == 2
    refused = run("escalation", "snooze", f"{batch_id[:8]}:2", "--until", "2020-01-01", "--reason", "x")
    assert refused.err.startswith("error snooze_in_the_past\n")
    assert run("escalation", "snooze", f"{batch_id[:8]}:2", "--reason", "x").code == 2
    put_off = run("escalation", "snooze", f"{batch_id[:8]}:2", "--hours", "4", "--reason", "they answer at two")
    assert "is put off until" in put_off.out
    system.project()
    assert run("escalation", "next").err.strip() == "Nothing waits for a person."
    assert [row["job_id"] for row in run("escalation", "list", "--snoozed", "--json").lines()] == [jobs[1]]
    done = run("escalation", "retry", f"{batch_id[:8]}:1")
    assert "is on its way again" in done.out


@pytest.mark.acceptance("1.39", part="a job that nobody answers goes up level by level, each once")
def test_silence_goes_up_level_by_level(system, run, batch_id: str):
    app, at = system.app, utc_now()
    later = at + timedelta(minutes=31)
    raise_at = replace(app.escalate_jobs, clock=lambda: later)
    assert app.escalate_jobs() == []
    assert [(raised.level, raised.reason) for raised in raise_at()] == [(2, "price_not_positive")]
    system.project()
    assert raise_at() == [], "its time began anew"
    raise_later = replace(raise_at, clock=lambda: later + timedelta(minutes=31))
    assert [raised.level for raised in raise_later()] == [3]
    system.project()
    raise_last = replace(raise_at, clock=lambda: later + timedelta(days=9))
    assert raise_last() == [], "the last level has no deadline"
    [row] = app.queries.escalations(level=3)
    assert row.priority == "NORMAL"
