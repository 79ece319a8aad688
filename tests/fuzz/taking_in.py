"""Mutated files through the whole intake: received, judged, admitted into a real ledger, and seen in the views."""

import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.refused import FileRefused
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.job.events import JobOpened
from dispatch.entrypoints.bootstrap import App
from fuzz.judging import CODES, Fault, Judging, time_limit

LIMIT_S = 20.0
ROWS_MAX = 10_000
BUDGETS = (0, 10, 50, 100)


@dataclass
class Taken:
    """What became of the files: how many were refused, which states the batches reached, and what went wrong."""

    outcomes: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    faults: dict[int, str] = field(default_factory=dict)


def take_in(app: App, files: Judging, indexes: Iterable[int]) -> Taken:
    """Take in these files, one after the other, then look at the ledger and at the views."""
    taken, batches = Taken(), dict[int, str]()
    for index in indexes:
        content, _, chance = files.file(index)
        try:
            with time_limit(LIMIT_S):
                if batch_id := _bring(app, content, chance, taken):
                    batches[index] = batch_id
        except Exception:
            taken.faults[index] = traceback.format_exc()
    while app.projector.step():
        pass
    opened = Counter(r.event.batch_id for r in _events(app) if isinstance(r.event, JobOpened))
    for index, batch_id in batches.items():
        try:
            taken.jobs += _look(app, batch_id, opened[batch_id])
        except Exception:
            taken.faults.setdefault(index, traceback.format_exc())
    return taken


def _bring(app: App, content: bytes, chance: Random, taken: Taken) -> str:
    before, budget = app.ledger.head(), chance.choice(BUDGETS)
    try:
        received = app.receive([content], SERVICE_JOB, "fuzz.csv", error_threshold_percent=budget)
    except FileRefused as refused:
        taken.outcomes[f"refused: {refused.code}"] += 1
        if refused.code not in CODES or app.ledger.head() != before:
            raise Fault(f"refused as {refused.code}, and the ledger moved") from refused
        return ""
    if received.duplicate:
        taken.outcomes["duplicate"] += 1
        return ""
    status = app.admit(received.batch_id)
    taken.outcomes[f"batch: {status}"] += 1
    if status not in {BatchStatus.REJECTED, BatchStatus.PROCESSING}:
        raise Fault(f"a batch that is left at {status}")
    head = app.ledger.head()
    if app.admit(received.batch_id) is not status or app.ledger.head() != head:
        raise Fault("admitting again recorded something")
    return received.batch_id


def _look(app: App, batch_id: str, opened: int) -> int:
    """The ledger, the batch's row and the jobs' rows say the same; answers how many jobs they are."""
    row = app.queries.batch(batch_id)
    if row is None:
        raise Fault("the view has no such batch")
    if row.status is BatchStatus.REJECTED and (row.jobs or opened):
        raise Fault(f"a rejected batch with {opened} jobs")
    jobs = len(app.queries.jobs(batch_id=batch_id, limit=ROWS_MAX))
    if not row.jobs == opened == jobs:
        raise Fault(f"{row.jobs} jobs in the batch, {opened} in the ledger, {jobs} in the view")
    if row.rows != row.accepted + row.rejected + row.duplicates:
        raise Fault(f"the rows do not add up: {row}")
    if row.status is BatchStatus.PROCESSING and row.accepted != row.jobs:
        raise Fault(f"{row.accepted} accepted, {row.jobs} jobs")
    stored = app.queries.row_errors(batch_id, limit=ROWS_MAX)
    if bool(stored) != bool(row.errors_by_code):
        raise Fault(f"{len(stored)} stored refusals of {row.errors_by_code}")
    return jobs


def _events(app: App):
    after = 0
    while page := app.ledger.read(after, 5_000):
        yield from page
        after = page[-1].position
