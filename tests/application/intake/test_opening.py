"""Rows become jobs as the rules say, though the rules are asked once for all of them."""

import msgspec
import pytest
from intake_files import SAMPLES

from dispatch.adapters.codec import encode
from dispatch.application.intake.judge import good_rows
from dispatch.application.intake.opening import open_jobs
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.ports.ledger import Cause
from dispatch.domain.batch.state import Batch
from dispatch.domain.identity import job_ids
from dispatch.domain.job.commands import OpenJob
from dispatch.domain.job.decide import RouteEmpty, RouteRepeatsStage, decider
from dispatch.domain.job.state import Job
from examples import BATCH_ID, NOON

CAUSE = Cause(command_id=BATCH_ID)
BATCH = Batch(received_at=NOON)
ROWS = list(good_rows(SAMPLES / "service-jobs.csv", SERVICE_JOB))


def test_each_event_has_the_bytes_that_the_decider_gives_it():
    job_id = job_ids(BATCH_ID, NOON)
    appends = list(open_jobs(BATCH_ID, BATCH, SERVICE_JOB, ROWS, NOON, CAUSE))
    assert [append.stream for append in appends] == [job_id(row.row) for row in ROWS]
    for append, row in zip(appends, ROWS, strict=True):
        fields = {name: getattr(row, name) for name in GOOD_ROW}
        command = OpenJob(job_id=append.stream, at=NOON, batch_id=BATCH_ID, route=SERVICE_JOB.route, **fields)
        assert [encode(event) for event in append.events] == [encode(event) for event in decider.decide(command, Job())]
        assert (append.version, append.cause) == (0, CAUSE)


GOOD_ROW = ("row", "reference", "service", "price_pence", "person", "permission", "details")


@pytest.mark.parametrize(("route", "refusal"), [((), RouteEmpty), (("enrich", "enrich"), RouteRepeatsStage)])
def test_a_route_that_the_rules_refuse_opens_nothing(route: tuple[str, ...], refusal: type[Exception]):
    profile = msgspec.structs.replace(SERVICE_JOB, route=route)
    with pytest.raises(refusal):
        list(open_jobs(BATCH_ID, BATCH, profile, ROWS, NOON, CAUSE))


def test_a_batch_that_was_never_received_opens_nothing():
    with pytest.raises(ValueError, match="never received"):
        list(open_jobs(BATCH_ID, Batch(), SERVICE_JOB, ROWS, NOON, CAUSE))
