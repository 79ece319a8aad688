"""What follows from an event: the work that is to be done next. Pure, so that the relay only carries."""

from collections.abc import Iterable

import msgspec

from dispatch.application.ports.ledger import Recorded
from dispatch.domain.batch.events import (
    BatchApproved,
    BatchReceived,
    BatchReset,
    CorrectionReceived,
    UndoRequested,
)
from dispatch.domain.events import Event
from dispatch.domain.job.events import (
    DoubtSettled,
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobOpened,
    JobRerouted,
    JobResumed,
    RecipientRefused,
    RetryScheduled,
    StageCompleted,
    StageDeferred,
)
from dispatch.domain.job.priority import JobPriority

INTAKE = "intake"
"""The queue of batches that wait to be taken in, corrected or taken back; all other queues are of stages of jobs."""

CHUNK_MAX = 500


class Work(msgspec.Struct, frozen=True):
    """Up to CHUNK_MAX streams due at one queue (of a stage, or intake). A hint: the ledger decides what is done."""

    queue: str
    streams: tuple[str, ...]


def queue_of(stage: str, priority: JobPriority) -> str:
    """The queue of the jobs of this priority at a stage: each stage has one for each."""
    return stage if priority is JobPriority.NORMAL else f"{stage}.{priority.value}"


def queues_of(stage: str) -> list[str]:
    """Every queue of a stage, the most urgent first."""
    return [queue_of(stage, priority) for priority in JobPriority]


def queue_after(event: Event) -> str | None:
    """The queue at which the stream is due after this event: empty for none, None where the event changes nothing."""
    match event:
        case BatchReceived() | BatchApproved() | BatchReset() | CorrectionReceived() | UndoRequested():
            return INTAKE
        case JobOpened(route=route, priority=priority):
            return "" if event.is_waiting else queue_of(route[0], priority)
        case StageCompleted(next_stage=next_stage, priority=priority):
            return queue_of(next_stage, priority) if next_stage else ""
        case RecipientRefused(next_stage=next_stage, priority=priority):
            return queue_of(next_stage, priority)
        case JobResumed(stage=stage) | DoubtSettled(stage=stage, happened=False) | JobRerouted(stage=stage):
            return stage  # Of any priority: a person sends thousands on at once, too.
        case RetryScheduled() | StageDeferred() | JobEscalated():
            return ""  # Due later by its due time, or by a person.
        case JobBlocked() | JobDelivered() | JobCancelled() | JobArchived():
            return ""  # Never again.
        case _:
            return None


def react(recorded: Iterable[Recorded]) -> list[Work]:
    """The work that these events bring, in chunks per queue; of several events of a stream the last one counts."""
    return work_after((record.stream, record.event) for record in recorded)


def work_after(events: Iterable[tuple[str, Event]]) -> list[Work]:
    """As `react`, for events of these streams that were appended just now."""
    due: dict[str, str] = {}
    for stream, event in events:
        queue = queue_after(event)
        if queue is not None:
            due.pop(stream, None)
            due[stream] = queue
    return chunked((queue, stream) for stream, queue in due.items() if queue)


def chunked(due: Iterable[tuple[str, str]]) -> list[Work]:
    """(queue, stream) pairs as chunks of one queue each, in the order of their first stream."""
    by_queue: dict[str, list[str]] = {}
    for queue, stream in due:
        by_queue.setdefault(queue, []).append(stream)
    return [
        Work(queue, tuple(streams[start : start + CHUNK_MAX]))
        for queue, streams in by_queue.items()
        for start in range(0, len(streams), CHUNK_MAX)
    ]
