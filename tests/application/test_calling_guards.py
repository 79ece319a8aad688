"""Breakers, refusals and caps: who is left alone, who serves instead, and what is put off."""

from datetime import timedelta

from calling_world import SILENT, World

from dispatch.application.ports.provider_sheet import Spent
from dispatch.application.ports.providers import ProviderRefused, Verdict


async def test_a_provider_that_fails_again_and_again_is_left_alone_and_the_next_one_serves():
    world = World("verify")
    world.main.email_verifier.default = SILENT
    jobs = world.open(100)
    await world.work(jobs[:50])
    asked = len(world.main.email_verifier.asked)
    await world.work(jobs[50:])
    assert len(world.main.email_verifier.asked) == asked, "its breaker is open"
    assert {world.last(job).output["provider"] for job in jobs[50:]} == {"spare"}
    assert {type(world.last(job)).__name__ for job in jobs[:50]} == {"RetryScheduled"}


async def test_with_nobody_left_jobs_are_put_off_and_no_attempt_is_spent():
    world = World("verify")
    world.main.email_verifier.default = world.spare.email_verifier.default = SILENT
    jobs = world.open(150)
    for chunk in (jobs[:50], jobs[50:100], jobs[100:]):
        await world.work(chunk)
    last = jobs[100:]
    assert {type(world.last(job)).__name__ for job in last} == {"StageDeferred"}
    assert {world.job(job).attempts for job in last} == {0}
    assert all(world.last(job).reason.startswith("breaker_open:") for job in last)
    assert all(timedelta(0) < world.job(job).due_at - world.utc() < timedelta(minutes=2) for job in last)
    assert (await world.run.closed("verify")).startswith("breaker_open:"), "more is left where it is"
    assert await world.run.closed("enrich") == ""
    assert await world.run.closed("validate") == ""


async def test_one_probe_goes_first_and_when_it_is_well_the_others_follow():
    world = World("verify")
    world.main.email_verifier.default = world.spare.email_verifier.default = SILENT
    for _ in range(3):
        await world.work(world.open(50))
    world.main.email_verifier.default = world.spare.email_verifier.default = Verdict.VALID
    world.wall.now += 61
    jobs = world.open(20)
    first = len(world.main.email_verifier.asked)
    await world.work(jobs)
    assert {type(world.last(job)).__name__ for job in jobs} == {"StageCompleted"}
    assert len(world.main.email_verifier.asked) == first + 20
    assert await world.run.closed("verify") == ""


async def test_a_probe_that_fails_costs_the_others_nothing():
    world = World("verify")
    world.main.email_verifier.default = world.spare.email_verifier.default = SILENT
    for _ in range(3):
        await world.work(world.open(50))
    world.wall.now += 61
    asked = len(world.main.email_verifier.asked) + len(world.spare.email_verifier.asked)
    jobs = world.open(20)
    await world.work(jobs)
    probes = len(world.main.email_verifier.asked) + len(world.spare.email_verifier.asked) - asked
    assert probes <= 2, "one for each of them at most"
    assert [type(world.last(job)).__name__ for job in jobs].count("StageDeferred") >= 18


async def test_a_provider_that_refuses_us_is_not_the_jobs_fault():
    world = World("verify")
    world.main.email_verifier.default = ProviderRefused("bad_credentials")
    [job] = world.open()
    await world.work([job])
    assert world.names(job) == ["FailedOver", "StageCompleted"]
    [other] = world.open()
    await world.work([other])
    assert len(world.main.email_verifier.asked) == 1, "its breaker opened at once"


async def test_a_cap_sends_the_rest_to_the_next_provider():
    world = World("verify", price_millipence=500, cap_millipence=5_000)
    jobs = world.open(15)
    await world.work(jobs)
    served = [world.last(job).output["provider"] for job in jobs]
    assert (served.count("main"), served.count("spare")) == (10, 5)
    assert world.sheet.spent()["main"] == Spent(millipence=5_000, calls=10)


async def test_a_cap_with_nobody_behind_it_waits_for_the_next_day():
    world = World("verify", price_millipence=500, cap_millipence=0)
    world.board.lines.pop()
    [job] = world.open()
    await world.work([job])
    assert world.last(job).reason == "spend_cap:main"
    assert world.job(job).due_at.date() == world.utc().date() + timedelta(days=1)
