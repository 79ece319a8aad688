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
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobOpened,
    JobRerouted,
    JobResumed,
    RetryScheduled,
    StageCompleted,
)

INTAKE = "intake"
"""The queue of batches that wait to be taken in, corrected or taken back; all other queues are stages of jobs."""

CHUNK_MAX = 500


class Work(msgspec.Struct, frozen=True):
    """Up to CHUNK_MAX streams due at one queue (a stage, or intake). A hint: the ledger decides what is done."""

    queue: str
    streams: tuple[str, ...]


def queue_after(event: Event) -> str | None:
    """The queue at which the stream is due after this event: empty for none, None where the event changes nothing."""
    match event:
        case BatchReceived() | BatchApproved() | BatchReset() | CorrectionReceived() | UndoRequested():
            return INTAKE
        case JobOpened(route=route):
            return route[0]
        case StageCompleted(next_stage=next_stage):
            return next_stage
        case JobResumed(stage=stage) | JobRerouted(stage=stage):
            return stage
        case RetryScheduled() | JobEscalated() | JobBlocked() | JobDelivered() | JobCancelled() | JobArchived():
            return ""  # Due later by its due time, by a person, or never.
        case _:
            return None


def react(recorded: Iterable[Recorded]) -> list[Work]:
    """The work that these events bring, in chunks per queue; of several events of a stream the last one counts."""
    due: dict[str, str] = {}
    for record in recorded:
        queue = queue_after(record.event)
        if queue is not None:
            due.pop(record.stream, None)
            due[record.stream] = queue
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
