"""The watchdog: worse is recorded at once, better when it lasts, and a restart remembers."""

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.alarms import ZONE_RED, Alarms
from dispatch.application.ports.clock import utc_now
from dispatch.application.watchdog import BETTER_AFTER_LOOKS, Watchdog, ZoneChange
from dispatch.domain.events import event_name
from dispatch.domain.zone.events import Measure, Zone
from dispatch.domain.zone.judging import DEFAULT


class Gauges:
    def __init__(self):
        self.lag_s = 0.0

    def measure(self):
        return {Measure.LAG_S: self.lag_s, Measure.BATCHES: 50.0}


class Book:
    """The changes, read from the ledger itself."""

    def __init__(self, ledger):
        self._ledger = ledger

    def changes(self, *, limit=20):
        events = [record.event for record in self._ledger.read(0, 100)]
        rows = [ZoneChange(at=one.at, zone=one.zone, before=one.before, readings=one.readings) for one in events]
        return rows[::-1][:limit]


class World:
    def __init__(self):
        self.ledger, self.gauges = MemoryLedger(), Gauges()
        self.start()

    def start(self):
        self.dog = Watchdog(self.ledger, self.gauges, Book(self.ledger), DEFAULT, utc_now)

    def look(self, lag_s):
        self.gauges.lag_s = lag_s
        change = self.dog.look()
        return change.zone if change else None


def test_worse_is_recorded_at_once_and_better_when_it_lasts():
    world = World()
    assert world.look(0) is None
    assert world.dog.now().zone is Zone.GREEN
    assert world.dog.now().since is None
    assert world.look(11) is Zone.YELLOW
    assert world.look(12) is None
    assert world.look(75) is Zone.RED
    assert [world.look(0) for _ in range(BETTER_AFTER_LOOKS - 1)] == [None] * (BETTER_AFTER_LOOKS - 1)
    assert world.look(0) is Zone.GREEN
    assert [event_name(record.event) for record in world.ledger.read(0, 10)] == ["ZoneChanged"] * 3
    now = world.dog.now()
    assert (now.zone, now.since) == (Zone.GREEN, world.ledger.read(2, 1)[0].event.at)
    assert {reading.measure for reading in now.readings} == {Measure.LAG_S, Measure.BATCHES}


def test_a_relapse_begins_the_waiting_anew():
    world = World()
    world.look(75)
    for _ in range(3):
        assert [world.look(0) for _ in range(BETTER_AFTER_LOOKS - 1)] == [None] * (BETTER_AFTER_LOOKS - 1)
        assert world.look(75) is None
    assert len(world.ledger.read(0, 10)) == 1


def test_a_watchdog_that_is_started_again_goes_on_with_the_zone_that_was_recorded():
    world = World()
    world.look(75)
    world.start()
    assert world.look(75) is None
    for _ in range(BETTER_AFTER_LOOKS):
        world.look(0)
    assert [record.event.zone for record in world.ledger.read(0, 10)] == [Zone.RED, Zone.GREEN]


def test_two_watchdogs_record_a_change_once():
    world = World()
    other = Watchdog(world.ledger, world.gauges, Book(world.ledger), DEFAULT, utc_now)
    other.look()
    assert world.look(75) is Zone.RED
    assert other.look() is None
    assert len(world.ledger.read(0, 10)) == 1


def test_red_is_an_alarm_that_names_the_measure():
    world = World()
    world.look(75)

    class Nothing:
        """Nothing else is wrong."""

        def stuck(self):
            return []

        approvals = standing = stuck

        def depth(self):
            from dispatch.application.ports.failures import Depth

            return Depth(open=0, oldest_at=None)

        overdue = depth

    nothing = Nothing()
    [alarm] = Alarms(nothing, nothing, utc_now, nothing, nothing, last_zone=world.dog.last)()
    assert (alarm.code, "lag_s 75" in alarm.what, "batches" in alarm.what) == (ZONE_RED, True, False)
