"""Good rows become jobs: the appends that open them."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.row import GoodRow
from dispatch.application.ports.ledger import Append, Cause
from dispatch.domain.batch.state import Batch
from dispatch.domain.identity import job_ids
from dispatch.domain.job.commands import OpenJob
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import Event, JobOpened
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
    if batch.received_at is None:
        raise ValueError(f"batch {batch_id} was never received")
    job_id = job_ids(batch_id, batch.received_at)
    is_allowed = False
    for row in rows:
        new_job = job_id(row.row)
        if not is_allowed:
            # The rules look at the job, which is new, and at the route, which all share: they are asked once.
            _ask(new_job, batch_id, profile, row, at)
            is_allowed = True
        opened = JobOpened(
            job_id=new_job,
            at=at,
            batch_id=batch_id,
            row=row.row,
            reference=row.reference,
            service=row.service,
            price_pence=row.price_pence,
            route=profile.route,
            person=row.person,
            permission=row.permission,
            details=row.details,
        )
        yield Append(new_job, 0, (opened,), cause)


def _ask(job_id: str, batch_id: str, profile: Profile, row: GoodRow, at: datetime) -> list[Event]:
    """What the rules answer to opening this job."""
    command = OpenJob(
        job_id=job_id,
        at=at,
        batch_id=batch_id,
        row=row.row,
        reference=row.reference,
        service=row.service,
        price_pence=row.price_pence,
        route=profile.route,
        person=row.person,
        permission=row.permission,
        details=row.details,
    )
    return decider.decide(command, _NEW_JOB)
