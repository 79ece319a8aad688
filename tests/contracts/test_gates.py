"""The gates in Postgres: what is paused, until when, and what the sheet of due jobs leaves alone meanwhile."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace

import examples
from dispatch.adapters.postgres.due import DueSheet
from dispatch.adapters.postgres.gates import PostgresGates
from dispatch.application.control import ControlDesk, PauseTargetUnknown
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.queries import DueJob
from dispatch.domain.control.events import PauseScope
from ledgers import cause, new_id

pytestmark = pytest.mark.postgres
HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


class World:
    """A ledger with its views, and people who pause."""

    def __init__(self, url, ledger, pool, project):
        self.url, self.ledger, self.project, self.gates = url, ledger, project, PostgresGates(pool)
        self.due = DueSheet(pool, self.gates)
        self.due.prepare()
        self.desk = ControlDesk(ledger, self.gates, ["verify"], lambda: ["main"], now)

    def pause(self, scope, name="", **said):
        assert self.desk.pause(scope, name, by="ann", **said)
        self.project()

    def resume(self, scope, name=""):
        assert self.desk.resume(scope, name, by="bob")
        self.project()

    def overdue_job(self):
        job_id = new_id()
        events = [examples.opened, examples.failed, replace(examples.retry_scheduled, due_at=now() - HOUR)]
        self.ledger.append([Append(job_id, 0, [replace(event, job_id=job_id) for event in events], cause())])
        self.project()
        return job_id

    def let_time_pass(self):
        """The end that was asked for is reached."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("UPDATE ops.pauses SET until = now() WHERE until IS NOT NULL")


@pytest.fixture
def world(database_url, ledger, pool, project):
    return World(database_url, ledger, pool, project)


def test_a_gate_is_closed_from_its_pause_to_its_resumption(world):
    assert world.gates.closed() == {}
    world.pause(PauseScope.STAGE, "verify", reason="their maintenance", until=now() + HOUR)
    world.pause(PauseScope.EVERYTHING)
    closed = world.gates.closed()
    assert set(closed) == {"stage:verify", "everything"}
    assert (closed["stage:verify"].by, closed["stage:verify"].reason) == ("ann", "their maintenance")
    world.resume(PauseScope.STAGE, "verify")
    assert set(world.gates.closed()) == {"everything"}
    [still, ended] = world.gates.pauses(ended=True)
    assert (still.key, still.resumed_at) == ("everything", None)
    assert (ended.key, ended.resumed_by) == ("stage:verify", "bob")
    assert [row.key for row in world.gates.pauses()] == ["everything"]


def test_a_prolonged_pause_counts_from_its_beginning(world):
    world.pause(PauseScope.INTAKE, until=now() + HOUR)
    since = world.gates.closed()["intake"].since
    world.pause(PauseScope.INTAKE, until=None)
    assert (world.gates.closed()["intake"].since, world.gates.closed()["intake"].until) == (since, None)


def test_a_gate_opens_by_itself_at_its_time(world):
    world.pause(PauseScope.PROVIDER, "main", until=now() + HOUR)
    assert world.gates.elapsed() == []
    world.let_time_pass()
    assert world.gates.closed() == {}
    assert [row.key for row in world.gates.elapsed()] == ["provider:main"]


def test_the_end_of_a_pause_is_recorded_once(world):
    wait_s = timedelta(milliseconds=200)
    world.pause(PauseScope.INTAKE, until=now() + wait_s)
    ends_at = now() + wait_s
    world.desk = ControlDesk(world.ledger, world.gates, [], list, lambda: ends_at + HOUR)
    world.let_time_pass()
    assert [row.key for row in world.desk.end_elapsed()] == ["intake"]
    assert world.desk.end_elapsed() == []
    world.project()
    assert world.gates.elapsed() == []
    [row] = world.gates.pauses(ended=True)
    assert row.resumed_by == "timers"


@pytest.mark.parametrize("scope", [PauseScope.STAGE, PauseScope.PROVIDER, PauseScope.BATCH])
def test_only_what_there_is_can_be_paused(world, scope):
    with pytest.raises(PauseTargetUnknown):
        world.desk.pause(scope, new_id(), by="ann")


@pytest.mark.parametrize("target", [(PauseScope.STAGE, "verify"), (PauseScope.EVERYTHING, "")])
def test_due_jobs_of_a_paused_stage_stay_on_the_sheet(world, target):
    job = world.overdue_job()
    world.pause(*target)
    assert world.due.sweep(["verify", "dispatch"], stale=True) == []
    world.resume(*target)
    assert world.due.sweep(["verify", "dispatch"], stale=False) == [DueJob(job, "verify")]


def test_due_and_parked_jobs_of_a_paused_batch_come_when_it_is_resumed(world):
    batch_id = examples.opened.batch_id
    world.ledger.append([Append(batch_id, 0, [examples.received], cause())])
    due, parked = world.overdue_job(), new_id()
    world.pause(PauseScope.BATCH, batch_id)
    world.due.park([(parked, "dispatch", batch_id)])
    assert world.due.sweep(["verify", "dispatch"], stale=True) == []
    world.resume(PauseScope.BATCH, batch_id)
    swept = world.due.sweep(["verify", "dispatch"], stale=False)
    assert {(job.job_id, job.stage) for job in swept} == {(due, "verify"), (parked, "dispatch")}
    assert world.due.sweep(["verify", "dispatch"], stale=False) == []
