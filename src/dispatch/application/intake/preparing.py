"""What is done about a chunk of good rows before it is recorded: their jobs are opened, encrypted and encoded."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from dispatch.application.intake.frames import Frame
from dispatch.application.intake.opening import open_jobs
from dispatch.application.intake.profiles import profile_named
from dispatch.application.ports.ledger import Cause, EventLedger, Prepared
from dispatch.domain.batch.state import Batch


class Claimed(msgspec.Struct, frozen=True):
    """Rows whose natural keys are claimed; `taken` are those that an earlier batch had brought."""

    batch_id: str
    batch: Batch
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


def prepare(ledger: EventLedger, claimed: Claimed) -> ReadyChunk:
    """All that can be done about a chunk before it is recorded. Raises as `open_jobs` and `EventLedger.prepare`."""
    batch, taken = claimed.batch, frozenset(claimed.taken)
    rows = [row for frame in claimed.frames for row in frame.good_rows()]
    new = [row for row in rows if row.row not in taken] if taken else rows
    profile = profile_named(batch.profile, batch.profile_version)
    jobs = ledger.prepare(open_jobs(claimed.batch_id, batch, profile, new, claimed.at, claimed.cause))
    return ReadyChunk(claimed.cause, rows[-1].row, jobs, len(taken))
