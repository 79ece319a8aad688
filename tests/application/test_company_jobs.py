"""Companies of a file go through the stages as jobs at people's homes do."""

from pathlib import Path

import pytest
from test_work import World

from dispatch.application.intake.judge import good_rows
from dispatch.application.intake.opening import open_jobs
from dispatch.application.intake.profiles import profile_named
from dispatch.application.ports.ledger import Cause
from dispatch.domain.batch.state import Batch
from dispatch.domain.job.state import JobStatus
from examples import BATCH_ID, NOON

COMPANIES = profile_named("company-outreach")
SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.mark.acceptance("2.10", part="three roles in their order")
async def test_companies_go_their_way_as_jobs_do():
    world = World()
    rows = list(good_rows(SAMPLES / "companies.csv", COMPANIES))
    cause = Cause(command_id=BATCH_ID, correlation_id=BATCH_ID)
    appends = list(open_jobs(BATCH_ID, Batch(received_at=NOON), COMPANIES, rows, NOON, cause))
    world.ledger.append(appends)
    jobs = [append.stream for append in appends]
    for stage in COMPANIES.route:
        await world.run(stage, [job for job in jobs if world.job(job).stage == stage and not world.job(job).ended])
    states = [world.job(job).status for job in jobs]
    assert states[0] is states[1] is JobStatus.DELIVERED
    assert states[3] is states[4] is JobStatus.BLOCKED, "no basis, and one who objected"
    assert world.job(jobs[0]).outputs["slots"]["slots"] == ["1 CEO", "2 CFO", "3 HR Director"]
    message = next(iter(world.providers.notifier.sent.values()))
    assert message.template == "company_outreach.v1"
    assert message.variables["company"] == "Ashworth Joinery Ltd"
    assert message.variables["price"] == ""
