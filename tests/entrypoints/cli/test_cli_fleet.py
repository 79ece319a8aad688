"""Processes, scaling and the zone at the command line."""

import pytest

from dispatch.application.watchdog import BETTER_AFTER_LOOKS
from dispatch.domain.zone.events import Measure
from dispatch.domain.zone.judging import Limits
from dispatch.entrypoints.presence import Presence

pytestmark = pytest.mark.postgres


def test_where_nobody_starts_processes_nothing_is_scaled(system, run):
    assert run("processes").err == "No process is there.\n"
    answer = run("scale", "worker", "3", "--json")
    assert answer.code == 1
    assert answer.json()["error"]["code"] == "nobody_scales"
    assert "dispatch up" in answer.json()["error"]["fix"]
    assert system.app.ledger.head() == 0


def test_processes_are_listed_and_what_is_asked_for_is_waited_for(system, run):
    Presence(system.app.processes, ("supervisor",)).say()
    Presence(system.app.processes, ("worker",)).say()
    listed = run("processes", "--json").lines()
    assert [row["roles"] for row in listed] == [["supervisor"], ["worker"]]
    assert "working" in run("processes").out
    assert run("scale", "worker", "1", "--wait", "5").out == "worker: 1 are there.\n"
    late = run("scale", "worker", "2", "--wait", "0.3", "--json")
    assert (late.code, late.json()) == (1, {"role": "worker", "processes": 2, "reached": False})
    assert "asked for" in run("scale", "intake", "0").out
    assert [record.event.processes for record in system.app.ledger.read(0, 10)] == [1, 2, 0]


@pytest.mark.parametrize("arguments", [("worker", "65"), ("worker", "-1"), ("api", "2"), ("worker", "many")])
def test_what_cannot_be_is_wrong_usage(run, arguments):
    assert run("scale", *arguments).code == 2


def test_the_zone_is_shown_with_its_measures_and_its_history(system, run):
    shown = run("zone").out
    assert shown.startswith("GREEN")
    assert all(measure.value in shown for measure in Measure)
    assert "shown only" in shown
    assert "since ever" in run("zone", "--history").err
    dog = system.app.watchdog
    dog.limits = {measure: Limits(1e-9, 1e-9) for measure in Measure}
    dog.gauges = type("Late", (), {"measure": lambda self: {Measure.LAG_S: 75.0}})()
    assert dog.look() is not None
    system.project()
    [finding] = [one for one in run("doctor", "--json").json()["findings"] if one["name"] == "zone"]
    assert (finding["level"], "lag_s 75" in finding["found"]) == ("fail", True)
    dog.gauges = type("Well", (), {"measure": lambda self: {Measure.LAG_S: 0.0}})()
    for _ in range(BETTER_AFTER_LOOKS):
        dog.look()
    assert run("zone").out.startswith("RED"), "as far as the views know"
    system.project()
    assert run("zone", "--json").json()["zone"] == "green"
    history = run("zone", "--history", "--json").lines()
    assert [(row["before"], row["zone"]) for row in history] == [("red", "green"), ("green", "red")]
    assert "lag_s 75" in run("zone", "--history").out
