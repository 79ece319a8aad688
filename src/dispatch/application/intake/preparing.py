"""What is done about a chunk of good rows before it is recorded: their jobs are opened, encrypted and encoded."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from dispatch.application.intake.frames import Frame
from dispatch.application.intake.opening import open_jobs
from dispatch.application.intake.profiles import Profile
from dispatch.application.ports.ledger import Cause, EventLedger, Prepared
from dispatch.domain.batch.state import Batch


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


def prepare_each(ledger: EventLedger, chunks: Iterator[Claimed]) -> Iterator[ReadyChunk]:
    """All that can be done about chunks before they are recorded; here or in a second process.

    Raises while iterating: as `open_jobs` and `EventLedger.prepare`.
    """
    for chunk in chunks:
        taken = frozenset(chunk.taken)
        rows = [row for frame in chunk.frames for row in frame.good_rows()]
        new = [row for row in rows if row.row not in taken] if taken else rows
        opened = open_jobs(chunk.batch_id, chunk.batch, chunk.profile, new, chunk.at, chunk.cause)
        yield ReadyChunk(chunk.cause, rows[-1].row, ledger.prepare(opened), len(taken))
