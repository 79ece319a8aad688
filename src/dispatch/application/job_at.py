"""A job as it was at a moment: folded from its events up to then."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import cast

from dispatch.application.ports.ledger import Recorded
from dispatch.application.ports.queries import JobRow
from dispatch.domain.errors import DomainError
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import (
    Event,
    JobArchived,
    JobBlocked,
    JobCancelled,
    JobEscalated,
    JobOpened,
    JobRerouted,
    RecipientRefused,
    StageCompleted,
    StageDeferred,
    StageFailed,
)
from dispatch.domain.job.refusals import JobUnknown


class JobNotYetOpened(DomainError):
    """At that time the job had not been opened yet."""

    code = "job_not_yet_opened"


def until(recorded: Sequence[Recorded], at: datetime) -> list[Recorded]:
    """The events of a job that had happened at this moment, by their own times, which the timeline shows.

    Raises:
        JobUnknown: it has no events at all.
        JobNotYetOpened: the first one came later.
    """
    if not recorded:
        raise JobUnknown
    happened = list(takewhile(lambda record: record.event.at <= at, recorded))
    if not happened:
        raise JobNotYetOpened(recorded[0].stream, f"opened at {recorded[0].event.at.isoformat()}")
    return happened


def job_row(recorded: Sequence[Recorded]) -> JobRow:
    """The row that the view of jobs has after these events of one job; it is due only while it waits for a retry."""
    events = cast("list[Event]", [record.event for record in recorded])
    job, last = decider.fold(events), recorded[-1]
    if job.status is None or job.opened_at is None:
        raise JobUnknown(last.stream)
    return JobRow(
        job_id=last.stream,
        batch_id=job.batch_id,
        row=job.row,
        reference=job.reference,
        service=job.service,
        price_pence=job.price_pence,
        status=job.status,
        stage=job.stage,
        attempts=_failed_attempts(events, job.attempts),
        error_code=_error_code(events),
        opened_at=job.opened_at,
        changed_at=last.event.at,
        due_at=job.due_at,
        version=last.version,
    )


def _error_code(events: Sequence[Event]) -> str:
    """What went wrong last at the stage where the job is."""
    for event in reversed(events):
        match event:
            case StageFailed(error_code=code) | JobEscalated(reason=code) | StageDeferred(reason=code):
                return code
            case JobBlocked(reason=code) | JobCancelled(reason=code) | JobArchived(reason=code):
                return code
            case JobOpened() | StageCompleted() | JobRerouted() | RecipientRefused():
                return ""
            case _:
                continue  # It leaves the code as it was.
    return ""


def _failed_attempts(events: Sequence[Event], attempts: int) -> int:
    """None since the stage, or a part of it, was last done: the attempts that did the parts did not fail."""
    for event in reversed(events):
        match event:
            case StageCompleted() | RecipientRefused():
                return 0
            case StageFailed() | JobRerouted():
                return attempts
            case _:
                continue
    return attempts
