"""Rows of jobs: what became of each, as the doors read it."""

from datetime import timedelta

import pytest
from msgspec.structs import asdict
from projected import given as given

import examples
from dispatch.application.ports.queries import JobRow
from dispatch.domain.job.state import JobStatus
from examples import BATCH_ID, JOB_ID, NOON

pytestmark = pytest.mark.postgres
OPENED = JobRow(
    job_id=JOB_ID,
    batch_id=BATCH_ID,
    row=7,
    reference="JOB-0007",
    service="boiler service",
    price_pence=9500,
    status=JobStatus.RUNNING,
    stage="verify",
    attempts=0,
    error_code="",
    opened_at=NOON,
    changed_at=NOON,
    due_at=NOON + timedelta(seconds=60),
    version=1,
)


def job_row(**changed):
    return JobRow(**(asdict(OPENED) | changed))


@pytest.mark.parametrize(
    ("events", "row"),
    [
        ((), OPENED),
        ((examples.completed,), job_row(stage="dispatch", version=2)),
        ((examples.failed,), job_row(attempts=1, error_code="timeout", due_at=None, version=2)),
        (
            (examples.failed, examples.retry_scheduled),
            job_row(
                status=JobStatus.WAITING,
                attempts=1,
                error_code="timeout",
                due_at=NOON + timedelta(seconds=1.125),
                version=3,
            ),
        ),
        (
            (examples.failed, examples.escalated),
            job_row(status=JobStatus.ESCALATED, attempts=1, error_code="timeout", due_at=None, version=3),
        ),
        (
            (examples.failed, examples.escalated, examples.resumed),
            job_row(attempts=1, error_code="timeout", version=4),
        ),
        ((examples.completed, examples.started), job_row(stage="dispatch", version=3)),
        (
            (examples.failed, examples.retry_scheduled, examples.completed),
            job_row(stage="dispatch", attempts=0, error_code="", version=4),
        ),
        ((examples.blocked,), job_row(status=JobStatus.BLOCKED, error_code="no_lawful_basis", due_at=None, version=2)),
        ((examples.delivered,), job_row(status=JobStatus.DELIVERED, due_at=None, version=2)),
        (
            (examples.cancelled,),
            job_row(status=JobStatus.CANCELLED, error_code="customer moved", due_at=None, version=2),
        ),
    ],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one step", "event by event"])
def test_jobs(given, queries, events, row, at_once):
    """However events are cut into steps, the row is the same."""
    if at_once:
        given(examples.opened, *events)
    else:
        for event in (examples.opened, *events):
            given(event)
    assert queries.job(JOB_ID) == row
    assert queries.jobs(batch_id=BATCH_ID, status=row.status, stage=row.stage) == [row]
    assert queries.jobs(after=JOB_ID) == []


def test_a_job_is_found_by_the_beginning_of_its_id(given, queries):
    given(examples.opened)
    assert queries.job_ids(JOB_ID[:10]) == [JOB_ID]
    assert queries.job_ids("ffff") == []
