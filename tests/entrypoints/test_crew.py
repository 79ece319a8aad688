"""Crews: whoever is missing is started, whoever is too many goes by itself or is killed, and old words do not count."""

import time
from datetime import UTC, datetime

import pytest
from lives import waits, will_not_go
from structlog.testing import capture_logs

from dispatch.application.fleet import ScaleRow
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.domain.fleet.events import Scalable
from dispatch.entrypoints.supervisor import children as children_module
from dispatch.entrypoints.supervisor import steward as steward_module
from dispatch.entrypoints.supervisor.children import Children
from dispatch.entrypoints.supervisor.crew import Crew
from dispatch.entrypoints.supervisor.steward import Steward
from processes import await_gone

WITHIN_S = 30.0


@pytest.fixture
def children(monkeypatch):
    monkeypatch.setattr(children_module, "PRELOADED", [])
    children = Children()
    yield children
    children.stop_all(0.0)


def crew(children, wanted, life=waits, *arguments, grace_s=10.0):
    def start(name, role):
        assert role == "worker"
        children.add(name, life, *arguments)

    return Crew("worker", wanted, children, start, grace_s)


def pump_until(children, condition):
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        children.pump()


def ready(children, *names):
    children.wait_ready({(name, "it") for name in names}, WITHIN_S)


def test_a_crew_grows_and_shrinks_from_the_top(children):
    workers = crew(children, 2, waits, "here")
    children.add("intake-1", waits, "another crew")
    workers.fit()
    ready(children, "worker-1", "worker-2", "intake-1")
    before = children.pids()
    workers.wanted = 4
    workers.fit()
    workers.fit()
    ready(children, "worker-3", "worker-4")
    workers.wanted = 1
    workers.fit()
    assert children.staying() == {"worker-1", "intake-1"}
    pump_until(children, lambda: children.names() == {"worker-1", "intake-1"})
    assert children.pids() == {name: before[name] for name in ("worker-1", "intake-1")}
    assert children.restarts() == 0


def test_whoever_is_still_leaving_keeps_its_name_and_is_not_started_again(children):
    workers = crew(children, 2, will_not_go, grace_s=60)
    workers.fit()
    ready(children, "worker-1", "worker-2")
    workers.wanted = 1
    workers.fit()
    workers.wanted = 2
    workers.fit()
    assert children.names() == {"worker-1", "worker-2", "worker-3"}
    assert children.staying() == {"worker-1", "worker-3"}


def test_whoever_will_not_go_is_killed_after_its_grace(children):
    workers = crew(children, 1, will_not_go, grace_s=0.2)
    workers.fit()
    ready(children, "worker-1")
    pid = children.pids()["worker-1"]
    workers.wanted = 0
    workers.fit()
    with capture_logs() as logs:
        pump_until(children, lambda: not children.names())
    await_gone(pid, limit_s=1)
    assert [line["event"] for line in logs] == ["child.killed", "child.retired"]


class Desk:
    """What was asked, and a list of processes that may be away."""

    def __init__(self, *rows):
        self.rows, self.broken, self.said = rows, True, []
        self.book = self.processes = self

    def asked(self):
        if self.broken:
            raise LedgerUnavailable("no answer")
        return self.rows

    def seen(self, process):
        self.said.append(process.roles)

    def gone(self, process_id):
        self.said.append("gone")


def asked(role, processes, position):
    return ScaleRow(role=role, processes=processes, by="ann", reason="", at=datetime.now(UTC), position=position)


def test_the_steward_hears_what_was_asked_since_the_start_and_outlives_an_outage(children, monkeypatch):
    monkeypatch.setattr(steward_module, "LOOK_EVERY_S", 0.01)
    workers = crew(children, 2)
    intake = Crew("intake", 2, children, lambda name, role: None, 1.0)
    desk = Desk(asked(Scalable.WORKER, 5, 11), asked(Scalable.INTAKE, 7, 10))
    with Steward(desk, [workers, intake], since=10):
        time.sleep(0.05)
        assert workers.wanted == 2
        desk.broken = False
        deadline = time.monotonic() + WITHIN_S
        while workers.wanted != 5:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert intake.wanted == 2, "that was asked of another start"
    assert desk.said[0] == ("supervisor",)
    assert desk.said[-1] == "gone"
