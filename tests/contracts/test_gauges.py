"""The measures of the zone and the list of processes, on a real Postgres."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from msgspec.structs import replace

import examples
from dispatch.adapters.postgres.gates import PostgresGates
from dispatch.adapters.postgres.gauges import ATTEMPTS_MIN, MEASURE, PostgresGauges
from dispatch.adapters.postgres.processes import PostgresProcesses
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
from ledgers import cause, new_id

pytestmark = pytest.mark.postgres
MANY = """
INSERT INTO ops.jobs (job_id, batch_id, row_number, reference, service, price_pence, status, stage, attempts,
                      error_code, opened_at, changed_at, due_at, version, priority)
SELECT gen_random_uuid(), batch_id, row_number, reference, service, price_pence, status,
       (ARRAY['clear', 'dispatch', 'verify'])[1 + number % 3], attempts, error_code, opened_at, changed_at,
       now() - number * interval '1 second', version, priority
FROM ops.jobs, generate_series(1, 20000) AS number
"""


def now() -> datetime:
    return datetime.now(UTC)


class World:
    def __init__(self, url, ledger, pool, project):
        self.url, self.ledger, self.catch_up = url, ledger, project
        self.gauges, self.gates, self.processes = PostgresGauges(pool), PostgresGates(pool), PostgresProcesses(pool)
        self.published = PublishedSheet(pool)
        self.published.prepare()
        self.processes.prepare()
        self.fleet = FleetDesk(ledger, PostgresScaleBook(pool), self.processes, now)
        self.zones = PostgresZoneBook(pool)
        self.desk = ControlDesk(ledger, self.gates, ["verify", "dispatch"], list, now)

    def project(self):
        self.catch_up()
        self.published.note(self.ledger.head())

    def measure(self, measure):
        return self.gauges.measure()[measure]

    def append(self, stream, *events):
        self.ledger.append([Append(stream, self.ledger.load(stream).version, list(events), cause())])

    def execute(self, statement):
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def world(database_url, ledger, pool, project):
    return World(database_url, ledger, pool, project)


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


def test_the_age_of_many_jobs_is_found_without_looking_at_all_of_them(world):
    job_id, hour = new_id(), timedelta(hours=1)
    events = [examples.opened, examples.failed, replace(examples.retry_scheduled, due_at=now() - hour)]
    world.append(job_id, *(replace(event, job_id=job_id) for event in events))
    world.project()
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute(MANY)
        connection.execute("ANALYZE ops.jobs")
        [[[explained]]] = connection.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + MEASURE, [50]).fetchall()
    assert 20_000 <= world.measure(Measure.AGE_S) < 20_100
    assert 3 < sum(looked_at(explained["Plan"])) < 50


def looked_at(plan):
    """How many jobs each step of a plan looked at."""
    if plan.get("Relation Name") == "jobs":
        yield plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    for step in plan.get("Plans", ()):
        yield from looked_at(step)


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
