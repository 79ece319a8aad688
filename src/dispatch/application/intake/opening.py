"""Good rows become jobs: the appends that open them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import cast

from msgspec.structs import replace

from dispatch.application.intake.frames import Frame
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.row import GoodRow
from dispatch.application.ports.ledger import Append, Cause, JobColumns, NewJobs
from dispatch.domain.batch.state import Batch
from dispatch.domain.identity import job_ids
from dispatch.domain.job.commands import OpenJob
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import JobOpened
from dispatch.domain.job.state import Job

_NEW_JOB = Job()


def open_jobs(
    batch_id: str, batch: Batch, profile: Profile, rows: Iterable[GoodRow], at: datetime, cause: Cause
) -> Iterator[Append]:
    """One new stream a row, under the id that the row has in this batch.

    Raises:
        ValueError: the batch was never received.
        RouteEmpty, RouteRepeatsStage: as the rules for opening say.
    """
    opening = list(rows)
    columns = JobColumns(
        references=[row.reference for row in opening],
        services=[row.service for row in opening],
        prices_pence=[row.price_pence for row in opening],
        persons=[row.person for row in opening],
        permissions=[row.permission for row in opening],
        details=[row.details for row in opening],
    )
    return _new_jobs(batch_id, batch, profile, [row.row for row in opening], [columns], at, cause).appends()


def new_jobs(
    batch_id: str, batch: Batch, profile: Profile, frames: Iterable[Frame], at: datetime, cause: Cause
) -> NewJobs:
    """As `open_jobs` for the rows of these frames, in columns. Raises as `open_jobs`."""
    filled = [frame for frame in frames if frame.rows]
    rows = [row for frame in filled for row in frame.rows]
    return _new_jobs(batch_id, batch, profile, rows, map(_columns_of, filled), at, cause)


def _columns_of(frame: Frame) -> JobColumns:
    columns = frame.columns()
    return JobColumns(
        references=columns.references,
        services=columns.services,
        prices_pence=columns.prices_pence,
        persons=columns.persons(),
        permissions=columns.permissions(),
        details=columns.details,
    )


def _new_jobs(
    batch_id: str,
    batch: Batch,
    profile: Profile,
    rows: Sequence[int],
    columns: Iterable[JobColumns],
    at: datetime,
    cause: Cause,
) -> NewJobs:
    if batch.received_at is None:
        raise ValueError(f"batch {batch_id} was never received")
    ids = list(map(job_ids(batch_id, batch.received_at), rows))
    jobs = NewJobs(cause=cause, at=at, batch_id=batch_id, route=profile.route, job_ids=ids, rows=rows, columns=columns)
    parts = iter(columns)
    if (first := next(parts, None)) is None or not rows:
        return jobs
    # The rules look at the job, which is new, and at the route, which all share: they are asked once.
    _ask(next(replace(jobs, columns=[first]).appends()))
    return replace(jobs, columns=chain((first,), parts))


def _ask(append: Append) -> None:
    """What the rules say to opening this job: nothing, or they raise."""
    [opened] = cast("Sequence[JobOpened]", append.events)
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
