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
from dispatch.domain.job.state import Job

_NEW_JOB = Job()


def open_jobs(
    batch_id: str, batch: Batch, profile: Profile, rows: Iterable[GoodRow], at: datetime, cause: Cause
) -> Iterator[Append]:
    """One new stream a row, under the id that the row has in this batch. Raises ValueError for one not received."""
    if batch.received_at is None:
        raise ValueError(f"batch {batch_id} was never received")
    job_id = job_ids(batch_id, batch.received_at)
    for row in rows:
        command = OpenJob(
            job_id=job_id(row.row),
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
        yield Append(command.job_id, 0, decider.decide(command, _NEW_JOB), cause)
