"""The supervisor: whoever dies is started again, whoever will not go is killed, and no folder of others is emptied."""

import os
import signal
import stat
import subprocess
import sys
import time

import msgspec
import pytest
from lives import dies, waits, will_not_go
from structlog.testing import capture_logs

from dispatch.entrypoints.settings import RUNTIME_FILE, Settings, process_started, read_runtime
from dispatch.entrypoints.supervisor import children as children_module
from dispatch.entrypoints.supervisor import keeper as keeper_module
from dispatch.entrypoints.supervisor.children import PAUSE_MAX_S, Children
from dispatch.entrypoints.supervisor.failures import CannotStart
from dispatch.entrypoints.supervisor.keeper import Keeper
from dispatch.entrypoints.supervisor.runtime import runtime_note
from dispatch.entrypoints.supervisor.system import MARKER, System, empty_data
from processes import await_gone

WITHIN_S = 30.0


@pytest.fixture
def children(monkeypatch):
    monkeypatch.setattr(children_module, "PRELOADED", [])
    monkeypatch.setattr(children_module, "PAUSE_FIRST_S", 0.02)
    children = Children()
    yield children
    children.stop_all(0.0)


def pump_until(children, condition):
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        children.pump()


def pauses(logs):
    return [line["again_in_s"] for line in logs if line["event"] == "child.died"]


def test_who_is_ready_says_so(children):
    children.add("one", waits, "at your service")
    assert children.wait_ready({("one", "it")}, WITHIN_S) == {"it": "at your service"}
    with pytest.raises(TimeoutError, match=r"not ready after 0 s: one \(another\)"):
        children.wait_ready({("one", "another")}, 0.0)


def test_who_dies_is_started_again_after_growing_pauses(children):
    with capture_logs() as logs:
        children.add("one", dies, 3)
        pump_until(children, lambda: children.restarts() == 4)
    assert pauses(logs)[:4] == [0.02, 0.04, 0.08, 0.16]
    assert {line["of"] for line in logs if line["event"] == "child.died"} == {"exit code 3"}


def test_who_is_killed_comes_back_as_another_process_and_is_ready_again(children):
    children.add("one", waits, "here")
    children.wait_ready({("one", "it")}, WITHIN_S)
    killed = children.pids()["one"]
    os.kill(killed, signal.SIGKILL)
    pump_until(children, lambda: children.restarts() == 1)
    children.wait_ready({("one", "it")}, WITHIN_S)
    assert children.pids()["one"] != killed


def test_a_steady_life_forgives_the_deaths_before_it(children):
    children.add("one", waits, "here")
    child = children._children["one"]
    with capture_logs() as logs:
        for deaths, lived_s in ((7, 31.0), (0, 0.0)):
            children.wait_ready({("one", "it")}, WITHIN_S)
            child.deaths, child.started_at = deaths or child.deaths, child.started_at - lived_s
            starts = child.starts
            os.kill(child.process.pid, signal.SIGKILL)
            pump_until(children, lambda before=starts: child.starts > before)
    assert pauses(logs) == [0.0, 0.02]


def test_the_pause_has_a_limit_however_often_someone_died(children):
    children.add("one", waits, "here")
    children.wait_ready({("one", "it")}, WITHIN_S)
    child = children._children["one"]
    child.deaths = child.starts = 5_000
    os.kill(child.process.pid, signal.SIGKILL)
    with capture_logs() as logs:
        pump_until(children, lambda: child.process is None)
    assert pauses(logs) == [PAUSE_MAX_S]


@pytest.mark.parametrize(
    ("code", "said"), [(-signal.SIGSEGV, "SIGSEGV"), (-(signal.SIGRTMIN + 2), f"signal {signal.SIGRTMIN + 2}")]
)
def test_the_signal_that_ended_someone_is_said_even_without_a_name(children, code, said):
    with capture_logs() as logs:
        children.add("one", dies, int(code))
        pump_until(children, lambda: children.restarts() == 1)
    assert logs[0]["of"] == said


def test_a_stop_kills_whoever_ignores_it_after_the_grace_and_others_go_by_themselves(children):
    children.add("deaf", will_not_go)
    children.add("one", waits, "here")
    children.wait_ready({("deaf", "it"), ("one", "it")}, WITHIN_S)
    pids = children.pids()
    started = time.monotonic()
    with capture_logs() as logs:
        children.stop_all(0.3)
    assert 0.3 <= time.monotonic() - started < WITHIN_S
    for pid in pids.values():
        await_gone(pid, limit_s=1)
    assert [line["child"] for line in logs if line["event"] == "child.killed"] == ["dispatch-deaf"]
    assert children.pids() == {}


def test_the_keeper_outlives_a_failure_of_its_own(children, monkeypatch):
    monkeypatch.setattr(keeper_module, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(keeper_module, "PAUSE_AFTER_FAILURE_S", 0.01)
    children.add("one", waits, "here")
    children.wait_ready({("one", "it")}, WITHIN_S)
    start, failures = children._start, [OSError("the fork server is gone")]

    def fails_once(child):
        if failures:
            raise failures.pop()
        start(child)

    monkeypatch.setattr(children, "_start", fails_once)
    with Keeper(children, None) as keeper:
        os.kill(children.pids()["one"], signal.SIGKILL)
        deadline = time.monotonic() + WITHIN_S
        while children.restarts() == 0:
            assert time.monotonic() < deadline
            keeper._over.wait(0.01)
    assert failures == []


def test_the_note_is_for_its_owner_only_and_gone_at_the_end(tmp_path):
    path = tmp_path / RUNTIME_FILE
    path.write_text("left behind, and open to all")
    path.chmod(0o644)
    with runtime_note(tmp_path, {"nats_url": "nats://u:p@host"}):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        note = read_runtime(tmp_path)
        assert (note["pid"], note["nats_url"]) == (os.getpid(), "nats://u:p@host")
    assert list(tmp_path.iterdir()) == []
    assert read_runtime(tmp_path) == {}


def note_of(folder, **facts):
    (folder / RUNTIME_FILE).write_bytes(msgspec.json.encode(facts))
    return read_runtime(folder)


def test_a_note_of_a_dead_process_is_not_believed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    assert note_of(tmp_path, pid=dead.pid) == {}


def test_a_note_of_a_process_whose_id_came_again_is_not_believed(tmp_path):
    mine = process_started(os.getpid())
    assert note_of(tmp_path, pid=os.getpid(), pid_started=mine)["pid"] == os.getpid()
    assert note_of(tmp_path, pid=os.getpid(), pid_started=f"{mine}0") == {}


@pytest.mark.parametrize("facts", [{}, {"pid": None}, {"pid": "many"}, {"pid": 1 << 80}])
def test_a_note_that_names_no_process_is_not_believed(tmp_path, facts):
    assert note_of(tmp_path, **facts) == {}


def test_a_note_that_may_not_be_read_is_no_crash(tmp_path):
    (tmp_path / RUNTIME_FILE).mkdir()
    assert read_runtime(tmp_path) == {}


def test_a_folder_of_dispatch_is_emptied(tmp_path):
    data = tmp_path / "data"
    empty_data(data)
    data.mkdir()
    (data / MARKER).touch()
    (data / "files").mkdir()
    empty_data(data)
    assert not data.exists()


def test_a_foreign_folder_is_not_emptied(tmp_path):
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(CannotStart, match="--data") as caught:
        empty_data(tmp_path)
    assert (caught.value.code, caught.value.where) == ("folder_not_ours", str(tmp_path))
    with pytest.raises(CannotStart, match="no folder"):
        empty_data(tmp_path / "thesis.doc")
    assert (tmp_path / "thesis.doc").exists()


def test_a_foreign_folder_stays_foreign_when_a_system_was_started_on_it(tmp_path, monkeypatch):
    def goes_no_further(system):
        raise CannotStart("server_cannot_start", "no servers in this test", "here", "none")

    monkeypatch.setattr(System, "_use_servers", goes_no_further)
    (tmp_path / "thesis.doc").touch()
    own = tmp_path / "own"
    (own / "logs").mkdir(parents=True)
    for folder, code in ((tmp_path, "folder_not_ours"), (own, None)):
        with pytest.raises(CannotStart, match="no servers"), System(Settings(data=folder)):
            pass
        if code:
            with pytest.raises(CannotStart) as caught:
                empty_data(folder)
            assert caught.value.code == code
    empty_data(own)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_an_owner_of_no_database_is_a_mistake(tmp_path):
    settings = Settings(data=tmp_path / "data", database_owner_url="postgresql://owner@db/dispatch")
    with pytest.raises(CannotStart, match="DISPATCH_DATABASE_OWNER_URL") as caught, System(settings):
        pass
    assert caught.value.code == "setting_missing"
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_folder_in_use_is_not_emptied(tmp_path):
    (tmp_path / MARKER).touch()
    with runtime_note(tmp_path, {}), pytest.raises(CannotStart, match=f"process {os.getpid()}") as caught:
        empty_data(tmp_path)
    assert caught.value.code == "folder_in_use"
    assert (tmp_path / MARKER).exists()
