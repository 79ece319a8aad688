"""Pauses: recorded once, prolonged by asking for another end, and ended once."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

import examples
from dispatch.domain.control.commands import PauseWork, ResumeWork
from dispatch.domain.control.decide import PauseEndsInThePast, PauseReasonTooLong, PauseTargetInvalid, decider
from dispatch.domain.control.events import PauseScope
from examples import NOON, PAUSE_ID
from given import Given

PAUSED, RESUMED = examples.work_paused, examples.work_resumed
HOUR = timedelta(hours=1)
TARGET = {"pause_id": PAUSE_ID, "at": NOON, "scope": PauseScope.STAGE, "name": "verify"}
PAUSE = PauseWork(**TARGET, by="ann", reason="their maintenance", until=NOON + 2 * HOUR)
RESUME = ResumeWork(**TARGET, by="bob")


def test_a_target_is_paused_and_resumed_once():
    Given(decider).when(PAUSE).then(PAUSED)
    Given(decider, PAUSED).when(replace(PAUSE, by="bob")).then_nothing()
    Given(decider, PAUSED).when(RESUME).then(RESUMED)
    Given(decider).when(RESUME).then_nothing()
    Given(decider, PAUSED, RESUMED).when(PAUSE).then(PAUSED)


@pytest.mark.parametrize("changed", [{"until": NOON + 3 * HOUR}, {"until": None}, {"reason": "still"}])
def test_another_end_or_reason_is_recorded(changed: dict):
    Given(decider, PAUSED).when(replace(PAUSE, **changed)).then(replace(PAUSED, **changed))


def test_a_pause_that_was_prolonged_is_not_ended_by_its_first_time():
    at_first_end = replace(RESUME, at=NOON + 2 * HOUR, by="timers", only_elapsed=True)
    Given(decider, PAUSED).when(at_first_end).then(replace(RESUMED, at=NOON + 2 * HOUR, by="timers"))
    Given(decider, PAUSED, replace(PAUSED, until=NOON + 3 * HOUR)).when(at_first_end).then_nothing()
    Given(decider, replace(PAUSED, until=None)).when(at_first_end).then_nothing()


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"name": ""}, PauseTargetInvalid),
        ({"scope": PauseScope.EVERYTHING}, PauseTargetInvalid),
        ({"scope": PauseScope.INTAKE}, PauseTargetInvalid),
        ({"until": NOON}, PauseEndsInThePast),
        ({"reason": "x" * 501}, PauseReasonTooLong),
    ],
)
def test_what_cannot_be_paused_is_refused(changed: dict, refusal: type):
    Given(decider).when(replace(PAUSE, **changed)).then_refused(refusal)
