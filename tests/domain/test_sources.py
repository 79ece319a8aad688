"""A source is added once, paused and resumed, and told of what was found, never twice of the same."""

import pytest
from msgspec.structs import asdict, replace

import examples
from dispatch.domain.rows import ThresholdOutOfRange
from dispatch.domain.source.commands import AddSource, PauseSource, RecordFinding, RemoveSource, ResumeSource
from dispatch.domain.source.decide import (
    SourceExists,
    SourceIntervalInvalid,
    SourceLocationInvalid,
    SourceNameInvalid,
    SourceUnknown,
    decider,
)
from dispatch.domain.source.events import SourceKind
from examples import NOON, SOURCE_ID
from given import Given

ADD = AddSource(**asdict(examples.source_added))
PAUSE = PauseSource(source_id=SOURCE_ID, at=NOON, reason="they clean up", by="ann")
RESUME = ResumeSource(source_id=SOURCE_ID, at=NOON, by="bob")
REMOVE = RemoveSource(source_id=SOURCE_ID, at=NOON, reason="contract ended", by="ann")
FOUND = RecordFinding(**asdict(examples.source_checked))
ADDED, PAUSED, RESUMED = examples.source_added, examples.source_paused, examples.source_resumed
REMOVED, CHECKED = examples.source_removed, examples.source_checked


def test_a_source_is_added_once():
    Given(decider).when(ADD).then(ADDED)
    Given(decider, ADDED).when(replace(ADD, by="bob")).then()


def test_another_source_of_the_same_name_is_refused_until_the_first_is_removed():
    other = replace(ADD, every_s=60)
    Given(decider, ADDED).when(other).then_refused(SourceExists)
    Given(decider, ADDED, REMOVED).when(other).then(replace(ADDED, every_s=60))


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"name": "CRM"}, SourceNameInvalid),
        ({"name": ""}, SourceNameInvalid),
        ({"name": "a" * 64}, SourceNameInvalid),
        ({"name": "../x"}, SourceNameInvalid),
        ({"every_s": 0}, SourceIntervalInvalid),
        ({"every_s": 604_801}, SourceIntervalInvalid),
        ({"location": ""}, SourceLocationInvalid),
        ({"location": "/in\n"}, SourceLocationInvalid),
        ({"location": "/" * 2_001}, SourceLocationInvalid),
        ({"kind": SourceKind.WEBHOOK}, SourceLocationInvalid),
        ({"error_threshold_percent": 101}, ThresholdOutOfRange),
    ],
)
def test_what_can_be_no_source_is_refused(changed: dict, refusal: type):
    Given(decider).when(replace(ADD, **changed)).then_refused(refusal)


def test_a_source_is_paused_and_resumed():
    Given(decider, ADDED).when(PAUSE).then(PAUSED)
    Given(decider, ADDED).when(RESUME).then_nothing()
    Given(decider, ADDED, PAUSED).when(RESUME).then(RESUMED)


def test_a_source_is_removed_and_then_unknown():
    Given(decider, ADDED, PAUSED).when(REMOVE).then(REMOVED)
    for command in (PAUSE, RESUME, FOUND):
        Given(decider, ADDED, REMOVED).when(command).then_refused(SourceUnknown)
    for command in (PAUSE, RESUME, REMOVE, FOUND):
        Given(decider).when(command).then_refused(SourceUnknown)


def test_the_same_finding_again_is_nothing_new():
    Given(decider, ADDED).when(FOUND).then(CHECKED)
    Given(decider, ADDED, CHECKED).when(replace(FOUND, is_new=False)).then_nothing()
    other = replace(FOUND, file_hash="", batch_id="", refused="no_rows", is_new=False)
    changed = replace(CHECKED, file_hash="", batch_id="", refused="no_rows", is_new=False)
    Given(decider, ADDED, CHECKED).when(other).then(changed)
    Given(decider, ADDED, CHECKED, changed).when(replace(FOUND, is_new=False)).then(replace(CHECKED, is_new=False))
