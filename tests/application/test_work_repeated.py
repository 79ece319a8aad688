"""A chunk that runs again, twice at once, or too late: an attempt counts once, who has moved on is left alone."""

import asyncio

import pytest
from work_world import World

from dispatch.application.ports.ledger import Append
from dispatch.application.stages.stage import ProviderStage
from dispatch.domain.job.commands import CancelJob, Done
from dispatch.domain.job.decide import decider
from examples import NOON
from ledgers import cause, new_id


@pytest.mark.acceptance("X20", part="the attempt is recorded before the provider that acts is asked")
async def test_a_provider_that_acts_is_asked_after_the_attempt_is_recorded():
    world = World()
    [job] = world.open(route=("dispatch", "confirm"))
    world.providers.notifier.answers[f"dispatch.{job}"] = DyingWorker()
    with pytest.raises(DyingWorker):
        await world.run("dispatch", [job])
    assert world.names(job)[1:] == ["StageStarted"]
    assert world.ledger.load(job).events[-1].idempotency_key == f"dispatch.{job}"
    world.providers.notifier.answers.clear()
    assert await world.run("dispatch", [job]) == 1
    assert world.names(job)[1:] == ["StageStarted", "StageCompleted"], "the same attempt, noted once"
    assert list(world.providers.notifier.sent) == [f"dispatch.{job}"]


class DyingWorker(Exception):
    """Stands for a worker that dies in a call."""


@pytest.mark.acceptance("2.22", part="a chunk that is delivered again changes nothing")
@pytest.mark.parametrize("stage", ["validate", "enrich", "dispatch"])
async def test_a_chunk_that_runs_again_finds_nothing_due(stage):
    world = World()
    jobs = world.open(5, route=(stage, "confirm"))
    assert await world.run(stage, jobs) == 5
    head = world.ledger.head()
    assert await world.run(stage, [*jobs, *jobs]) == 0
    assert world.ledger.head() == head


@pytest.mark.parametrize("stage", ["validate", "enrich", "dispatch"])
async def test_a_chunk_that_runs_twice_at_once_counts_once(stage):
    world = World()
    jobs = world.open(20, route=(stage, "confirm"))
    await asyncio.gather(world.run(stage, jobs), world.run(stage, jobs[::-1]))
    for job in jobs:
        assert world.stages_done(job) == [stage]
        assert world.names(job).count("StageStarted") == (stage == "dispatch")
    assert len(world.providers.notifier.sent) == (20 if stage == "dispatch" else 0)


async def test_a_job_that_was_cancelled_meanwhile_stays_cancelled():
    world = World()
    [job] = world.open(route=("verify", "confirm"))

    async def cancelled_meanwhile(task, asked):
        cancel = CancelJob(job_id=job, at=NOON, by="ann", reason="customer moved")
        world.ledger.append([Append(job, 1, decider.decide(cancel, task.job), cause())])
        return Done()

    world.run.stages["verify"] = ProviderStage(name="verify", provider="email_verifier", call=cancelled_meanwhile)
    await world.run("verify", [job])
    assert world.names(job) == ["JobOpened", "JobCancelled"]


async def test_who_is_elsewhere_ended_or_unknown_is_left_alone():
    world = World()
    [elsewhere] = world.open(route=("confirm",))
    assert await world.run("validate", [elsewhere, new_id()]) == 0
    assert await world.run("validate", []) == 0
    assert world.names(elsewhere) == ["JobOpened"]
