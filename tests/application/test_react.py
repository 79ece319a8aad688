"""What follows from an event: which work is due where, and which events bring none."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

import examples
from dispatch.application.ports.ledger import Recorded
from dispatch.application.react import CHUNK_MAX, INTAKE, Work, chunked, queue_after, queues_of, react
from dispatch.domain.job.priority import JobPriority
from examples import BATCH_ID, JOB_ID, NOON


def recorded(*events, stream=JOB_ID):
    return [
        Recorded(
            position=version,
            stream=stream,
            version=version,
            event=event,
            recorded_at=NOON,
            actor="",
            correlation_id=BATCH_ID,
            causation_id="",
        )
        for version, event in enumerate(events, 1)
    ]


@pytest.mark.acceptance("X11", part="each event that opens a stage brings its work")
@pytest.mark.parametrize(
    ("event", "queue"),
    [
        (examples.received, INTAKE),
        (examples.opened, "verify"),
        (examples.completed, "dispatch"),
        (examples.resumed, "verify"),
        pytest.param(replace(examples.completed, next_stage=""), "", id="the last stage completed"),
        (examples.retry_scheduled, ""),
        (examples.escalated, ""),
        (examples.blocked, ""),
        (examples.delivered, ""),
        (examples.cancelled, ""),
        (examples.judged, None),
        (examples.started, None),
        (examples.failed, None),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "at") else str(value or "none"),
)
def test_the_queue_after_an_event(event, queue):
    assert queue_after(event) == queue


@pytest.mark.parametrize(
    ("priority", "queue"), [(JobPriority.HIGH, ".high"), (JobPriority.NORMAL, ""), (JobPriority.LOW, ".low")]
)
def test_each_priority_has_a_queue_of_its_own_at_every_stage(priority, queue):
    assert queue_after(replace(examples.opened, priority=priority)) == f"verify{queue}"
    assert queue_after(replace(examples.completed, priority=priority)) == f"dispatch{queue}"
    assert queue_after(replace(examples.completed, priority=priority, next_stage="")) == ""
    assert f"verify{queue}" in queues_of("verify")


def test_what_is_scheduled_for_later_brings_no_work_yet():
    later = replace(examples.opened, scheduled_at=NOON + timedelta(seconds=1))
    assert queue_after(later) == ""
    assert queue_after(replace(later, scheduled_at=NOON)) == "verify"


def test_every_event_has_an_answer():
    for event in examples.ONE_OF_EACH:
        queue_after(event)


def test_of_several_events_of_a_stream_the_last_one_counts():
    assert react(recorded(examples.opened, examples.completed)) == [Work("dispatch", (JOB_ID,))]
    assert react(recorded(examples.opened, examples.failed, examples.retry_scheduled)) == []
    assert react(recorded(examples.completed, examples.started)) == [Work("dispatch", (JOB_ID,))]


def test_nothing_follows_from_nothing():
    assert react([]) == []


def test_work_is_cut_into_chunks_of_one_queue_each():
    due = [("verify" if number % 2 else "dispatch", f"job-{number}") for number in range(2 * CHUNK_MAX + 2)]
    works = chunked(due)
    assert [(work.queue, len(work.streams)) for work in works] == [
        ("dispatch", CHUNK_MAX),
        ("dispatch", 1),
        ("verify", CHUNK_MAX),
        ("verify", 1),
    ]
    assert [stream for work in works if work.queue == "verify" for stream in work.streams] == [
        stream for queue, stream in due if queue == "verify"
    ]
