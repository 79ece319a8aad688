"""The measures of the zone and the list of processes, on a real Postgres."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from msgspec.structs import replace
from psycopg_pool import ConnectionPool

import examples
from dispatch.adapters.postgres.gates import PostgresGates
from dispatch.adapters.postgres.gauges import ATTEMPTS_MIN, PostgresGauges
from dispatch.adapters.postgres.processes import PostgresProcesses
from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.published import PublishedSheet
from dispatch.adapters.postgres.scale_book import PostgresScaleBook
from dispatch.adapters.postgres.zone_book import PostgresZoneBook
from dispatch.application.control import ControlDesk
from dispatch.application.fleet import FleetDesk, NobodyScales
from dispatch.application.ports.ledger import Append
from dispatch.domain.control.events import PauseScope
from dispatch.domain.fleet.events import Scalable
from dispatch.domain.zone.events import Measure
from dispatch.entrypoints.presence import Presence
from ledgers import cause, new_id, opened_ledger

pytestmark = pytest.mark.postgres


def now() -> datetime:
    return datetime.now(UTC)


class World:
    def __init__(self, url, ledger, pool):
        self.url, self.ledger = url, ledger
        self.gauges, self.gates, self.processes = PostgresGauges(pool), PostgresGates(pool), PostgresProcesses(pool)
        self.published = PublishedSheet(pool)
        self.published.prepare()
        self.processes.prepare()
        self.fleet = FleetDesk(ledger, PostgresScaleBook(pool), self.processes, now)
        self.zones = PostgresZoneBook(pool)
        self.desk = ControlDesk(ledger, self.gates, ["verify", "dispatch"], list, now)

    def project(self):
        projector = Projector(self.url, self.ledger)
        while projector.step():
            pass
        projector.close()
        self.published.note(self.ledger.head())

    def measure(self, measure):
        return self.gauges.measure()[measure]

    def append(self, stream, *events):
        self.ledger.append([Append(stream, self.ledger.load(stream).version, list(events), cause())])

    def execute(self, statement):
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def world(database_url):
    with (
        opened_ledger(database_url) as ledger,
        ConnectionPool(database_url, min_size=1, max_size=2) as pool,
    ):
        projector = Projector(database_url, ledger)
        projector.prepare()
        projector.close()
        yield World(database_url, ledger, pool)


def test_an_empty_system_measures_nothing(world):
    assert dict(world.gauges.measure()) == dict.fromkeys(Measure, 0.0)


def test_lag_is_the_age_of_the_first_event_that_a_view_or_the_publisher_has_not_seen(world):
    job_id = new_id()
    world.append(job_id, replace(examples.opened, job_id=job_id))
    world.project()
    assert world.measure(Measure.LAG_S) == 0
    world.append(job_id, replace(examples.started, job_id=job_id))
    with psycopg.connect(world.url) as connection:
        connection.execute("SELECT pg_sleep(0.3)")
    assert 0.3 <= world.measure(Measure.LAG_S) < 30
    world.project()
    assert world.measure(Measure.LAG_S) == 0
    world.published.note(world.ledger.head() - 1)
    assert world.measure(Measure.LAG_S) > 0.3


def test_age_is_that_of_the_most_overdue_job_that_nobody_has_paused(world):
    job_id, hour = new_id(), timedelta(hours=1)
    events = [examples.opened, examples.failed, replace(examples.retry_scheduled, due_at=now() - hour)]
    world.append(job_id, *(replace(event, job_id=job_id) for event in events))
    world.project()
    assert 3600 <= world.measure(Measure.AGE_S) < 3700
    stage, batch = examples.retry_scheduled.stage, examples.opened.batch_id
    for scope, name in ((PauseScope.STAGE, stage), (PauseScope.BATCH, batch), (PauseScope.EVERYTHING, "")):
        if scope is not PauseScope.BATCH:
            world.desk.pause(scope, name, by="ann")
        else:
            world.append(examples.PAUSE_ID, replace(examples.work_paused, scope=scope, name=batch, until=None))
        world.project()
        assert world.measure(Measure.AGE_S) == 0, scope
        if scope is PauseScope.STAGE:
            world.desk.resume(scope, name, by="ann")
            world.project()
            assert world.measure(Measure.AGE_S) > 3600
        world.execute("UPDATE ops.pauses SET resumed_at = now()")


def test_errors_are_a_share_of_enough_attempts_in_the_last_sixty_minutes(world):
    world.execute("INSERT INTO ops.failure_hours VALUES (date_trunc('hour', now()), 'verify', 40, 9)")
    assert ATTEMPTS_MIN > 49
    assert world.measure(Measure.ERRORS_PERCENT) == 0, "too few to say anything"
    world.execute("UPDATE ops.failure_hours SET completed = 80, failed = 20")
    assert world.measure(Measure.ERRORS_PERCENT) == 20
    world.execute("UPDATE ops.failure_hours SET hour = hour - interval '2 hours'")
    assert world.measure(Measure.ERRORS_PERCENT) == 0, "long ago"


def test_processes_are_there_until_they_end_or_are_silent(world):
    presence = Presence(world.processes, ("relay", "timers"))
    presence.say()
    [row] = world.processes.present()
    assert (row.roles, row.draining) == (("relay", "timers"), False)
    presence.say(draining=True)
    [row] = world.processes.present()
    assert row.draining
    assert [(one.role, one.running, one.draining) for one in world.fleet.count()] == [("relay", 0, 1), ("timers", 0, 1)]
    world.processes.seen(replace(row, process_id=str(uuid4()), roles=("worker",)))
    assert [one.roles for one in world.processes.present()] == [("relay", "timers"), ("worker",)]
    presence.end()
    world.execute("UPDATE ops.processes SET seen_at = now() - interval '11 seconds'")
    assert world.processes.present() == []


def test_scaling_needs_somebody_who_does_it(world):
    with pytest.raises(NobodyScales):
        world.fleet.scale(Scalable.WORKER, 3, by="ann")
    Presence(world.processes, ("supervisor",)).say()
    world.fleet.scale(Scalable.WORKER, 3, by="ann", reason=" files ")
    world.fleet.scale(Scalable.WORKER, 2, by="bob")
    world.project()
    [row] = world.fleet.book.asked()
    assert (row.role, row.processes, row.by, row.position) == (Scalable.WORKER, 2, "bob", world.ledger.head())


def test_changes_of_the_zone_come_newest_first(world):
    world.append(examples.ZONE_ID, examples.zone_changed, replace(examples.zone_changed, readings=()))
    world.project()
    newest, first = world.zones.changes()
    assert (newest.readings, first.readings) == ((), examples.zone_changed.readings)
    assert world.zones.changes(limit=1) == [newest]
