"""`dispatch failures`: groups of failures, and what is done to many dead letters at once."""

import pytest

from dispatch.domain.job.commands import GiveUp, TryAgain

pytestmark = pytest.mark.postgres


@pytest.fixture
def batch_id(system, run, jobs_file) -> str:
    """A batch of eight jobs, of which six have failed for good in two ways."""
    batch_id = run("batch", "upload", jobs_file(good=8), "--json").json()["batch_id"]
    system.admit(batch_id)
    ids = [job.job_id for job in system.app.queries.jobs(batch_id=batch_id)]
    system.settle(batch_id, "validate", TryAgain("timeout"), only=ids[:4])
    system.settle(batch_id, "validate", GiveUp("price_not_positive"), only=ids[4:6])
    return batch_id


def finish(system, replay_id: str):
    """What the timers and the projector do, until it has ended."""
    system.project()
    while system.app.failures.replay(replay_id).status == "running":
        system.app.replays.run()
        system.project()
    return system.app.failures.replay(replay_id)


def test_the_groups_and_one_of_them(system, run, batch_id: str):
    groups = run("failures", "list", "--json").lines()
    assert [(g["stage"], g["code"], g["severity"], g["open"]) for g in groups] == [
        ("validate", "timeout", "warning", 4),
        ("validate", "price_not_positive", "error", 2),
    ]
    text = run("failures", "list")
    assert "price_not_positive" in text.out
    name = groups[0]["fingerprint"]
    shown = run("failures", "show", name[:6], "--json").json()
    assert len(shown["dead_letters"]) == shown["open"] == 4
    assert shown["sample_job_id"] == shown["dead_letters"][0]["job_id"]
    assert "4 of 4" in run("failures", "show", name).out
    assert run("failures", "show", "ffffffffffff").err.startswith("error failure_unknown\n")
    assert run("failures", "show", "not hex").err.startswith("error failure_unknown\n")


@pytest.mark.acceptance("S.09", part="a replay of dead letters on the command line, with a dry run")
def test_a_group_is_retried_after_a_dry_run(system, run, batch_id: str):
    name = run("failures", "list", "--json").lines()[0]["fingerprint"]
    dry = run("failures", "retry", name, "--dry-run", "--json").json()
    assert dry["preview"] == {"action": "retry", "counted": 4, "results": {"done": 4}, "takes_s": 0.04}
    assert system.app.failures.replays() == []
    assert "would be done" in run("failures", "retry", name, "--dry-run").out
    asked = run("failures", "retry", name, "--yes", "--rate", "50", "--json").json()
    assert asked["counted"] == 4
    assert finish(system, asked["replay_id"]).results == {"done": 4}
    report = run("failures", "replay", asked["replay_id"][:8], "--items", "--json").json()
    assert [item["result"] for item in report["items"]] == ["done"] * 4
    assert (report["done"], report["counted"], report["status"]) == (4, 4, "completed")
    assert "4 of 4" in run("failures", "replay", asked["replay_id"], "--wait").out
    assert [row["replay_id"] for row in run("failures", "replays", "--json").lines()] == [asked["replay_id"]]
    assert "retry" in run("failures", "replays").out
    again = run("failures", "retry", name, "--yes")
    assert (again.code, again.err.splitlines()[0]) == (1, "error nothing_to_replay")


def test_an_archived_batch_adds_up_and_closes_with_exceptions(system, run, batch_id: str):
    asked = run("failures", "archive", "--batch", batch_id[:8], "--reason", "told by phone", "--yes", "--json").json()
    assert finish(system, asked["replay_id"]).results == {"done": 6}
    system.deliver(batch_id)
    row = system.app.queries.batch(batch_id)
    assert (row.status, row.delivered, row.archived) == ("complete_with_exceptions", 2, 6)
    assert "6 put aside" in run("batch", "show", batch_id).out
    assert system.app.queries.job_totals().archived == 6


def test_rerouting_goes_on_elsewhere_and_never_past_consent(system, run, batch_id: str):
    past = run("failures", "reroute", "--stage", "validate", "--to", "dispatch", "--reason", "x", "--dry-run", "--json")
    assert past.json()["preview"]["results"] == {"stage_not_skippable": 6}
    over = ["failures", "reroute", "--code", "timeout", "--to", "enrich", "--reason", "checked by hand", "--yes"]
    asked = run(*over, "--json").json()
    assert finish(system, asked["replay_id"]).results == {"done": 4}
    assert len(system.app.queries.jobs(batch_id=batch_id, stage="enrich")) == 4


def test_dropping_cancels_and_a_replay_can_be_stopped(system, run, batch_id: str):
    asked = run("failures", "drop", "--code", "timeout", "--reason", "old list", "--yes", "--rate", "0.01", "--json")
    system.project()
    replay_id = asked.json()["replay_id"]
    assert "is stopped" in run("failures", "stop", replay_id[:8], "--reason", "wrong group").out
    assert "was stopped already" in run("failures", "stop", replay_id).out
    system.project()
    assert "by" in run("failures", "replay", replay_id).out
    quick = run("failures", "drop", "--code", "timeout", "--reason", "old list", "--yes", "--json").json()
    assert finish(system, quick["replay_id"]).results == {"done": 4}
    assert system.app.queries.batch(batch_id).cancelled == 4
    ended = run("failures", "stop", quick["replay_id"])
    assert (ended.code, ended.err.splitlines()[0]) == (1, "error replay_ended")


def test_what_cannot_be_asked_says_how_it_can(system, run, batch_id: str):
    assert run("failures", "retry").code == 2
    assert run("failures", "drop", "--code", "timeout").code == 2
    refused = run("failures", "drop", "--code", "timeout", "--reason", " ", "--yes", "--json")
    assert refused.json()["error"]["code"] == "replay_reason_missing"
    assert run("failures", "retry", "--code", "timeout", "--rate", "0", "--json").json()["error"]["code"] == (
        "replay_rate_invalid"
    )
    assert run("failures", "replay", "zz").err.startswith("error replay_unknown\n")
    assert "Aborted" in run("failures", "retry", "--code", "timeout").err
    assert system.app.failures.replays() == []


@pytest.mark.acceptance("4.17", part="more open dead letters than the setting allows are an alarm")
@pytest.mark.acceptance("S.09", part="more than 5 dead letters are an alarm")
def test_more_than_five_dead_letters_are_an_alarm(system, run, batch_id: str):
    [alarm] = system.app.alarms()
    assert alarm.code == "dead_letters"
    assert "6 dead letters are open, more than 5" in alarm.what
    [finding] = [one for one in run("doctor", "--json").json()["findings"] if one["name"] == "dead letters"]
    assert (finding["level"], "dispatch failures list" in finding["fix"]) == ("warn", True)
    name = run("failures", "list", "--json").lines()[1]["fingerprint"]
    asked = run("failures", "retry", name, "--yes", "--json").json()
    finish(system, asked["replay_id"])
    assert system.app.alarms() == []
