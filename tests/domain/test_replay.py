"""The rules of a replay: what it is about is fixed at once, each job is reported once, and the sums add up."""

import pytest
from msgspec.structs import replace

from dispatch.domain.errors import DomainError
from dispatch.domain.replay.commands import RecordProgress, RequestReplay, StopReplay
from dispatch.domain.replay.decide import (
    ITEMS_MAX,
    ITEMS_PER_EVENT,
    NothingToReplay,
    ReplayEnded,
    ReplayRateInvalid,
    ReplayReasonMissing,
    ReplayStageMissing,
    ReplayTooLarge,
    ReplayUnknown,
    decider,
)
from dispatch.domain.replay.events import (
    Picked,
    ReplayAction,
    ReplayCompleted,
    ReplayItemsPicked,
    ReplayProgressed,
    ReplayRequested,
    ReplayStopped,
    Reported,
    Selection,
)
from examples import NOON, REPLAY_ID
from given import Given

ITEMS = tuple(Picked(f"job-{number}", 3) for number in range(3))
WHICH = Selection(stage="verify")
ask = RequestReplay(
    replay_id=REPLAY_ID,
    at=NOON,
    action=ReplayAction.RETRY,
    selection=WHICH,
    items=ITEMS,
    by="ann",
    reason="",
    per_second=10.0,
)
requested = ReplayRequested(
    replay_id=REPLAY_ID,
    at=NOON,
    action=ReplayAction.RETRY,
    selection=WHICH,
    counted=3,
    by="ann",
    reason="",
    per_second=10.0,
)
picked = ReplayItemsPicked(replay_id=REPLAY_ID, at=NOON, first=0, items=ITEMS)
asked = (requested, picked)


def progress(first: int, *results: str) -> RecordProgress:
    items = tuple(Reported(f"job-{first + place}", result) for place, result in enumerate(results))
    return RecordProgress(replay_id=REPLAY_ID, at=NOON, first=first, items=items)


def progressed(first: int, *results: str) -> ReplayProgressed:
    return ReplayProgressed(replay_id=REPLAY_ID, at=NOON, first=first, items=progress(first, *results).items)


stop = StopReplay(replay_id=REPLAY_ID, at=NOON, by="bob", reason="wrong group")


def test_what_it_is_about_is_recorded_with_the_request():
    Given(decider).when(ask).then(*asked)


def test_many_items_are_recorded_in_events_of_a_bounded_size():
    many = tuple(Picked(f"job-{number}", 3) for number in range(ITEMS_PER_EVENT + 1))
    _, first, second = decider.decide(replace(ask, items=many), decider.initial())
    assert isinstance(first, ReplayItemsPicked)
    assert isinstance(second, ReplayItemsPicked)
    assert (len(first.items), second.first, len(second.items)) == (ITEMS_PER_EVENT, ITEMS_PER_EVENT, 1)


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (replace(ask, items=()), NothingToReplay),
        (replace(ask, items=ITEMS[:1] * (ITEMS_MAX + 1)), ReplayTooLarge),
        (replace(ask, per_second=0.0), ReplayRateInvalid),
        (replace(ask, per_second=float("nan")), ReplayRateInvalid),
        (replace(ask, action=ReplayAction.DROP, reason=" "), ReplayReasonMissing),
        (replace(ask, action=ReplayAction.ARCHIVE), ReplayReasonMissing),
        (replace(ask, action=ReplayAction.REROUTE, reason="down"), ReplayStageMissing),
        (replace(ask, stage="clear"), ReplayStageMissing),
    ],
    ids=["nothing", "too much", "no pace", "no number", "no reason", "no reason to archive", "no stage", "a stage"],
)
def test_what_cannot_be_asked(command: RequestReplay, refusal: type[DomainError]):
    Given(decider).when(command).then_refused(refusal)


def test_each_job_is_reported_once_and_the_sums_add_up():
    Given(decider, *asked).when(progress(0, "done", "changed")).then(progressed(0, "done", "changed"))
    Given(decider, *asked, progressed(0, "done", "changed")).when(progress(2, "done")).then(
        progressed(2, "done"), ReplayCompleted(replay_id=REPLAY_ID, at=NOON, results={"done": 2, "changed": 1})
    )


def test_a_second_runner_reports_nothing():
    Given(decider, *asked, progressed(0, "done", "done")).when(progress(0, "done", "done")).then_nothing()
    Given(decider, *asked, progressed(0, "done", "done")).when(progress(1, "done")).then_nothing()


def test_a_replay_is_stopped_and_stays_so():
    stopped = ReplayStopped(replay_id=REPLAY_ID, at=NOON, by="bob", reason="wrong group", results={"done": 1}, left=2)
    Given(decider, *asked, progressed(0, "done")).when(stop).then(stopped)
    Given(decider, *asked, progressed(0, "done"), stopped).when(progress(1, "done")).then_nothing()


def test_what_has_ended_or_never_began_cannot_be_stopped():
    done = (progressed(0, "done", "done", "done"), ReplayCompleted(replay_id=REPLAY_ID, at=NOON, results={"done": 3}))
    Given(decider, *asked, *done).when(stop).then_refused(ReplayEnded)
    Given(decider).when(stop).then_refused(ReplayUnknown)
    Given(decider).when(progress(0, "done")).then_refused(ReplayUnknown)
