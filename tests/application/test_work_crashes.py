"""A job that crashes its stage goes before a person, and costs the others of its chunk nothing."""

import pytest
from work_world import World

from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.stages.stage import ProviderStage, PureStage
from dispatch.domain.job.commands import Done


def crashes_on(bad, stage):
    """The stage, with a bug that shows on one job: a KeyError, as a missing key of a dict would be."""

    def decide(task):
        if task.job_id in bad:
            raise KeyError(task.job_id)
        return Done()

    async def call(task, asked):
        return decide(task)

    return (
        PureStage(name=stage, decide=decide)
        if stage == "slots"
        else ProviderStage(name=stage, provider="contact_finder", call=call)
    )


@pytest.mark.acceptance("X22", part="work that cannot be done is put before a person, with its reason")
@pytest.mark.parametrize("stage", ["slots", "enrich"])
async def test_a_job_that_crashes_its_stage_goes_before_a_person_and_the_others_pass(stage):
    bad = set()
    world = World(**{stage: crashes_on(bad, stage)})
    jobs = world.open(5, route=(stage, "confirm"))
    bad.add(jobs[2])
    with pytest.raises(KeyError):
        await world.run(stage, jobs)
    others = [job for job in jobs if job not in bad]
    assert [world.stages_done(job) for job in others] == [[stage]] * 4, "what the others came to is recorded"
    assert world.names(jobs[2]) == ["JobOpened"]
    assert await world.run.isolate(stage, jobs) == {jobs[2]: "KeyError"}
    assert world.names(jobs[2])[1:] == ["StageFailed", "JobEscalated"]
    assert world.ledger.load(jobs[2]).events[-1].reason == "stage_crashed"
    assert await world.run(stage, jobs) == 0


async def test_a_crash_behind_a_providers_answer_keeps_the_answer():
    """What was asked, and perhaps paid for, is not asked again; the job waits at the stage with the bug."""
    bad = set()
    world = World(slots=crashes_on(bad, "slots"))
    [job] = world.open(route=("enrich", "slots", "confirm"))
    bad.add(job)
    with pytest.raises(KeyError):
        await world.run("enrich", [job])
    assert world.stages_done(job) == ["enrich"]
    assert world.job(job).stage == "slots"
    assert await world.run.isolate("slots", [job]) == {job: "KeyError"}
    assert world.ledger.load(job).events[-1].stage == "slots"


async def test_isolation_leaves_accidents_of_the_ledger_to_the_caller():
    world = World()
    jobs = world.open(2, route=("validate", "confirm"))
    world.run.ledger.append = unavailable
    with pytest.raises(LedgerUnavailable):
        await world.run.isolate("validate", jobs)
    del world.run.ledger.append
    assert [world.names(job) for job in jobs] == [["JobOpened"]] * 2


def unavailable(appends):
    raise LedgerUnavailable("no route to host")
