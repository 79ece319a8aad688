"""Good rows become jobs: the appends that open them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import TypeVar, cast

from dispatch.application.intake.frames import Frame
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.row import GoodRow
from dispatch.application.ports.ledger import Append, Cause, NewJobs
from dispatch.domain.batch.state import Batch
from dispatch.domain.identity import job_ids
from dispatch.domain.job.commands import OpenJob
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import JobOpened
from dispatch.domain.job.state import Job

C = TypeVar("C")
_NEW_JOB = Job()


def open_jobs(
    batch_id: str, batch: Batch, profile: Profile, rows: Iterable[GoodRow], at: datetime, cause: Cause
) -> Iterator[Append]:
    """One new stream a row, under the id that the row has in this batch.

    Raises:
        ValueError: the batch was never received.
        RouteEmpty, RouteRepeatsStage: as the rules for opening say.
    """
    job_id, opening = _job_ids(batch_id, batch), list(rows)
    jobs = NewJobs(
        cause=cause,
        at=at,
        batch_id=batch_id,
        route=profile.route,
        job_ids=[job_id(row.row) for row in opening],
        rows=[row.row for row in opening],
        references=[row.reference for row in opening],
        services=[row.service for row in opening],
        prices_pence=[row.price_pence for row in opening],
        persons=[row.person for row in opening],
        permissions=[row.permission for row in opening],
        details=[row.details for row in opening],
    )
    _ask_about(jobs)
    return jobs.appends()


def new_jobs(
    batch_id: str, batch: Batch, profile: Profile, frames: Sequence[Frame], at: datetime, cause: Cause
) -> NewJobs:
    """As `open_jobs` for the rows of these frames, in columns. Raises as `open_jobs`."""
    job_id = _job_ids(batch_id, batch)
    columns = [frame.columns() for frame in frames if frame.rows]
    rows = [row for frame in frames for row in frame.rows]
    jobs = NewJobs(
        cause=cause,
        at=at,
        batch_id=batch_id,
        route=profile.route,
        job_ids=[job_id(row) for row in rows],
        rows=rows,
        references=_joined(one.references for one in columns),
        services=_joined(one.services for one in columns),
        prices_pence=_joined(one.prices_pence for one in columns),
        persons=_joined(one.persons() for one in columns),
        permissions=_joined(one.permissions() for one in columns),
        details=_joined(one.details for one in columns),
    )
    _ask_about(jobs)
    return jobs


def _joined(parts: Iterable[Sequence[C]]) -> list[C]:
    return list(chain.from_iterable(parts))


def _job_ids(batch_id: str, batch: Batch) -> Callable[[int], str]:
    if batch.received_at is None:
        raise ValueError(f"batch {batch_id} was never received")
    return job_ids(batch_id, batch.received_at)


def _ask_about(jobs: NewJobs) -> None:
    """The rules look at the job, which is new, and at the route, which all share: they are asked once."""
    first = next(jobs.appends(), None)
    if first is None:
        return
    [opened] = cast("Sequence[JobOpened]", first.events)
    command = OpenJob(
        job_id=opened.job_id,
        at=opened.at,
        batch_id=opened.batch_id,
        row=opened.row,
        reference=opened.reference,
        service=opened.service,
        price_pence=opened.price_pence,
        route=opened.route,
        person=opened.person,
        permission=opened.permission,
        details=opened.details,
    )
    decider.decide(command, _NEW_JOB)
