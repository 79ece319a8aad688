"""Pausing from the command line: what is answered, and what is refused."""

import pytest

from dispatch.domain.events import event_name

pytestmark = pytest.mark.postgres


def test_a_stage_is_paused_listed_and_resumed(system, run):
    assert run("pauses").err == "Nothing is paused.\n"
    assert run("pause", "stage", "verify", "--reason", "[b]theirs", "--for", "2h").out.startswith(
        "Stage verify is paused"
    )
    system.project()
    [row] = run("pauses", "--json").lines()
    assert (row["key"], row["reason"]) == ("stage:verify", "[b]theirs")
    assert "[b]theirs" in run("pauses").out
    assert run("resume", "stage", "verify", "--json").json() == {"scope": "stage", "name": "verify", "recorded": True}
    assert run("resume", "stage", "verify", "--json").json()["recorded"] is False
    system.project()
    assert run("pauses", "--json").lines() == []
    assert [row["key"] for row in run("pauses", "--ended", "--json").lines()] == ["stage:verify"]


def test_asking_twice_pauses_once(system, run):
    assert run("pause", "all", "--json").json() == {"scope": "everything", "name": "", "recorded": True}
    assert run("pause", "all", "--json").json()["recorded"] is False
    names = [event_name(record.event) for record in system.app.ledger.read(0, 10)]
    assert names == ["WorkPaused"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("pause", "stage", "nowhere"), "pause_target_unknown"),
        (("pause", "provider", "nobody"), "pause_target_unknown"),
        (("pause", "stage"), "pause_target_invalid"),
        (("pause", "all", "verify"), "pause_target_invalid"),
        (("pause", "batch"), "pause_target_invalid"),
        (("pause", "batch", "ffffffff"), "batch_unknown"),
        (("pause", "all", "--until", "2020-01-01"), "pause_ends_in_the_past"),
    ],
)
def test_what_cannot_be_paused_is_refused_with_the_way_to_mend_it(system, run, arguments, code):
    answer = run(*arguments, "--json")
    assert answer.code == 1
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["fix"]


@pytest.mark.parametrize(
    "arguments", [("--for", "soon"), ("--for", "1h", "--until", "2999-01-01"), ("--until", "soon")]
)
def test_an_end_that_is_none_is_wrong_usage(system, run, arguments):
    assert run("pause", "all", *arguments).code == 2
