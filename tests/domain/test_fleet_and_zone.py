"""Numbers of processes and the zone: what is recorded, and which zone some measures are in."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import examples
from dispatch.domain.fleet import decide as fleet
from dispatch.domain.fleet.commands import ScaleRole
from dispatch.domain.fleet.events import Scalable
from dispatch.domain.zone import decide as zone
from dispatch.domain.zone.commands import RecordZone
from dispatch.domain.zone.events import Measure, Zone
from dispatch.domain.zone.judging import DEFAULT, SEVERITY, SHOWN_ONLY, read, worst
from examples import FLEET_ID, NOON, ZONE_ID
from given import Given

SCALED, CHANGED = examples.role_scaled, examples.zone_changed
SCALE = ScaleRole(fleet_id=FLEET_ID, at=NOON, role=Scalable.WORKER, processes=4, by="ann", reason="the quarter's files")
RECORD = RecordZone(zone_id=ZONE_ID, at=NOON, zone=Zone.RED, readings=CHANGED.readings)
SECOND = timedelta(seconds=1)


def test_each_asking_is_recorded_once_and_the_same_number_again_counts_anew():
    Given(fleet.decider).when(SCALE).then(SCALED)
    Given(fleet.decider, SCALED).when(SCALE).then_nothing()
    again = NOON + SECOND
    Given(fleet.decider, SCALED).when(replace(SCALE, at=again)).then(replace(SCALED, at=again))


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"processes": -1}, fleet.ProcessesOutOfRange),
        ({"processes": 65}, fleet.ProcessesOutOfRange),
        ({"reason": "x" * 501}, fleet.ScaleReasonTooLong),
    ],
)
def test_what_cannot_be_scaled_is_refused(changed: dict, refusal: type[Exception]):
    with pytest.raises(refusal):
        fleet.decide(replace(SCALE, **changed), fleet.Fleet())


def test_a_system_begins_in_green_and_only_changes_are_recorded():
    Given(zone.decider).when(RECORD).then(CHANGED)
    Given(zone.decider).when(replace(RECORD, zone=Zone.GREEN)).then_nothing()
    Given(zone.decider, CHANGED).when(RECORD).then_nothing()
    back = replace(RECORD, zone=Zone.GREEN, readings=())
    Given(zone.decider, CHANGED).when(back).then(replace(CHANGED, zone=Zone.GREEN, before=Zone.RED, readings=()))


@pytest.mark.acceptance("0.16", "0.17", "0.18")
@pytest.mark.parametrize(
    ("batches", "expected"), [(0, Zone.GREEN), (4, Zone.GREEN), (5, Zone.YELLOW), (7, Zone.YELLOW), (8, Zone.RED)]
)
def test_workflows_at_once_have_the_limits_of_the_old_system_and_decide_nothing(batches: int, expected: Zone):
    [reading] = read({Measure.BATCHES: batches}, DEFAULT)
    assert reading.zone is expected
    assert worst([reading]) is Zone.GREEN


@given(st.dictionaries(st.sampled_from(list(Measure)), st.floats(0, 10_000)))
def test_the_worst_of_what_decides_is_the_zone_of_the_whole(values: dict[Measure, float]):
    readings = read(values, DEFAULT)
    assert [reading.measure for reading in readings] == [measure for measure in Measure if measure in values]
    for reading in readings:
        assert (reading.value >= reading.red) is (reading.zone is Zone.RED)
        assert (reading.value < reading.yellow) is (reading.zone is Zone.GREEN)
    deciding = [SEVERITY[reading.zone] for reading in readings if reading.measure not in SHOWN_ONLY]
    assert SEVERITY[worst(readings)] == max(deciding, default=0)
