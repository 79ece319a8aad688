"""Persons of a chunk who were erased, or cannot be read: nobody asks a provider about them, and the others pass."""

import pytest
from work_world import World

from dispatch.application.ports.privacy import KeyMissing, PersonUnreadable
from dispatch.domain.job.state import JobStatus


@pytest.mark.acceptance("PE10")
@pytest.mark.parametrize("stage", ["validate", "enrich", "verify", "dispatch"])
async def test_a_job_whose_person_was_erased_ends_blocked_and_no_provider_is_asked(stage):
    world = World()
    [job_id] = world.open(route=(stage, "confirm"))
    world.persons.erased.add(job_id)
    await world.run(stage, [job_id])
    job = world.job(job_id)
    assert job.status is JobStatus.BLOCKED
    assert world.names(job_id) == ["JobOpened", "JobBlocked"]
    [*_, blocked] = world.ledger.load(job_id).events
    assert (blocked.rule, blocked.reason) == ("UK GDPR 17", "person_erased")


@pytest.mark.acceptance("PE10")
async def test_an_erasure_after_the_attempt_was_recorded_still_leaves_no_call():
    world = World()
    [job_id] = world.open(route=("dispatch", "confirm"))
    read = world.persons.read

    def erased_at_the_second_look(persons):
        answer = read(persons)
        world.persons.erased.add(job_id)
        return answer

    world.persons.read = erased_at_the_second_look
    await world.run("dispatch", [job_id])
    assert world.names(job_id) == ["JobOpened", "StageStarted", "JobBlocked"]


async def test_the_erased_of_a_chunk_cost_the_others_nothing():
    world = World()
    gone, kept = world.open(2)
    world.persons.erased.add(gone)
    await world.run("validate", [gone, kept])
    assert world.job(gone).status is JobStatus.BLOCKED
    assert world.job(kept).stage == "enrich"


async def test_a_master_key_that_is_missing_costs_no_job_anything():
    world = World()
    job_ids = world.open(2)
    read, world.persons.read = world.persons.read, raising(KeyMissing("the master key is not here"))
    with pytest.raises(KeyMissing):
        await world.run("validate", job_ids)
    with pytest.raises(KeyMissing):
        await world.run.isolate("validate", job_ids)
    assert [world.names(job_id) for job_id in job_ids] == [["JobOpened"]] * 2
    world.persons.read = read
    assert await world.run("validate", job_ids) == 2


async def test_one_person_that_cannot_be_read_goes_before_people_and_holds_up_nobody():
    world = World()
    bad, good = world.open(2)
    read = world.persons.read

    def all_but_one(persons):
        if bad in persons:
            raise PersonUnreadable(bad)
        return read(persons)

    world.persons.read = all_but_one
    assert await world.run.isolate("validate", [bad, good]) == {bad: "PersonUnreadable"}
    assert world.job(bad).status is JobStatus.ESCALATED
    assert world.job(good).stage == "enrich"


def raising(error):
    def read(persons):
        raise error

    return read
