"""What is done about a chunk of good rows before it is recorded: their jobs are opened, encrypted and encoded."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from queue import SimpleQueue

import msgspec

from dispatch.application.intake.frames import Frame
from dispatch.application.intake.opening import new_jobs
from dispatch.application.intake.profiles import Profile
from dispatch.application.ports.assistant import Assistant
from dispatch.application.ports.ledger import Cause, EventLedger, Prepared
from dispatch.domain.batch.state import Batch

OWN_EVERY = 4
"""Every so-many-th chunk is prepared by the first process: to record them all is less work than to prepare them all."""


class Claimed(msgspec.Struct, frozen=True):
    """Rows whose natural keys are claimed; `taken` are those that an earlier batch had brought."""

    batch_id: str
    batch: Batch
    profile: Profile
    at: datetime
    cause: Cause
    frames: Sequence[Frame]
    taken: Sequence[int]


class ReadyChunk(msgspec.Struct, frozen=True):
    """Rows that are ready to be recorded; `taken` of them were brought before, the others are the jobs."""

    cause: Cause
    row_through: int
    jobs: Prepared
    taken: int


def prepare(ledger: EventLedger, chunk: Claimed) -> ReadyChunk:
    """All that can be done about a chunk before it is recorded. Raises as `new_jobs` and `EventLedger.prepare`."""
    taken = frozenset(chunk.taken)
    row_through, new = chunk.frames[-1].rows[-1], chunk.frames
    if taken:
        new = [frame.keep([row not in taken for row in frame.rows]) for frame in new]
    jobs = new_jobs(chunk.batch_id, chunk.batch, chunk.profile, new, chunk.at, chunk.cause)
    return ReadyChunk(chunk.cause, row_through, ledger.prepare(jobs), len(taken))


def prepare_each(ledger: EventLedger, chunks: Iterator[Claimed]) -> Iterator[ReadyChunk]:
    """`prepare` for all of them; here or in a second process."""
    return (prepare(ledger, chunk) for chunk in chunks)


@contextmanager
def prepared_together(
    assistant: Assistant, ledger: EventLedger, chunks: Iterator[Claimed]
) -> Iterator[Iterator[ReadyChunk]]:
    """`prepare_each` by two processes, in the same order."""
    own: SimpleQueue[Future[ReadyChunk] | None] = SimpleQueue()

    def for_assistant() -> Iterator[Claimed]:
        try:
            for number, chunk in enumerate(chunks, 1):
                if number % OWN_EVERY:
                    yield chunk
                else:
                    own.put(thread.submit(prepare, ledger, chunk))
        finally:
            own.put(None)

    def in_order(answers: Iterator[ReadyChunk]) -> Iterator[ReadyChunk]:
        for number in count(1):
            if number % OWN_EVERY:
                ready = next(answers, None)
            else:
                mine = own.get()
                ready = mine.result() if mine else None
            if ready is None:
                break
            yield ready
        yield from answers  # There are none, but this is where it is said what the chunks broke off for.

    with ThreadPoolExecutor(1, "prepare-chunk") as thread, assistant.work(prepare_each, for_assistant()) as answers:
        yield in_order(answers)
