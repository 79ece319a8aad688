"""A chunk of jobs at a stage: what is recorded of each, and who is asked."""

import dataclasses
from datetime import timedelta

import pytest
from msgspec.structs import replace
from providing import switchboard
from work_world import WHOLE_ROUTE, World

from dispatch.application.calling.asking import asking
from dispatch.application.calling.line import Capability, Line, ProviderSpec, ReceiptsBy
from dispatch.application.jobs import JobDesk
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.providers import ProviderRefused, ProviderUnavailable
from dispatch.application.stages import find_stages
from dispatch.application.stages.stage import ProviderStage, PureStage
from dispatch.domain.consent import Permission
from dispatch.domain.job.commands import GiveUp
from dispatch.domain.job.state import JobStatus
from dispatch.domain.retry import RetryPolicy
from examples import NOON
from ledgers import cause, new_id, opened_job


async def test_pure_stages_pass_in_one_append():
    world = World()
    jobs = world.open(3)
    before = world.ledger.head()
    assert await world.run("validate", jobs) == 3
    for job in jobs:
        assert world.stages_done(job) == ["validate", "promote", "slots"]
        assert world.job(job).stage == "enrich"
    causes = {record.causation_id for record in world.ledger.read(before, 100)}
    assert len(causes) == 1, "one command, one append"
    assert {(r.correlation_id, r.actor) for r in world.ledger.read(before, 100)} == {
        (world.job(jobs[0]).batch_id, "worker")
    }


async def test_a_job_goes_its_whole_route():
    world = World()
    [job] = world.open()
    while not world.job(job).ended:
        assert await world.run(world.job(job).stage, [job]) == 1
    assert world.stages_done(job) == list(WHOLE_ROUTE)
    assert world.job(job).status is JobStatus.DELIVERED
    assert len(world.providers.notifier.sent) == 1


async def test_the_pure_stages_behind_a_providers_answer_pass_with_it():
    world = World()
    [job] = world.open(route=("verify", "clear", "dispatch"))
    await world.run("verify", [job])
    assert world.stages_done(job) == ["verify", "clear"]


@pytest.mark.acceptance("S.03", part="an accident is tried again later, a spent policy goes before a person")
async def test_an_accident_is_tried_again_until_the_policy_is_spent():
    verify = find_stages()["verify"].call
    world = World(
        verify=ProviderStage(name="verify", provider="email_verifier", call=verify, retry=RetryPolicy(attempts_max=2))
    )
    [job] = world.open(route=("verify", "clear"))
    world.providers.email_verifier.default = ProviderUnavailable("timeout", retry_after_s=30.0)
    await world.run("verify", [job])
    waiting = world.job(job)
    assert waiting.status is JobStatus.WAITING
    assert timedelta(seconds=30) <= waiting.due_at - NOON <= timedelta(seconds=30.25)
    assert await world.run("verify", [job]) == 0, "due later: left alone"
    world.clock.now = waiting.due_at
    assert await world.run("verify", [job]) == 1
    assert world.names(job)[1:] == ["StageFailed", "RetryScheduled", "StageFailed", "JobEscalated"]
    assert len(world.providers.email_verifier.asked) == 2


async def test_a_refusal_goes_before_a_person_at_once():
    world = World()
    refused, fine = world.open(2, route=("enrich", "verify"))
    world.providers.contact_finder.answers["JOB-0"] = ProviderRefused("no_such_contact")
    await world.run("enrich", [refused, fine])
    assert world.names(refused)[1:] == ["StageFailed", "JobEscalated"]
    assert world.ledger.load(refused).events[-1].reason == "no_such_contact"
    assert world.stages_done(fine) == ["enrich"]


async def test_a_blocked_job_is_never_sent():
    world = World()
    [job] = world.open(route=("clear", "dispatch"))
    blocked = new_id()
    event = replace(opened_job(blocked), route=("clear", "dispatch"), permission=Permission())
    world.ledger.append([Append(blocked, 0, [event], cause())])
    await world.run("clear", [job, blocked])
    await world.run("dispatch", [job, blocked])
    assert world.names(blocked)[1:] == ["JobBlocked"]
    assert list(world.providers.notifier.sent) == [f"dispatch.{job}"]


async def test_no_more_calls_at_once_than_the_stage_allows():
    world = World(
        enrich=ProviderStage(
            name="enrich", provider="contact_finder", call=find_stages()["enrich"].call, in_flight_max=3
        )
    )
    await world.run("enrich", world.open(20, route=("enrich", "confirm")))
    assert world.providers.contact_finder.in_flight_max == 3


async def test_an_unknown_stage_is_an_error():
    world = World()
    with pytest.raises(KeyError, match="no_such_stage"):
        await world.run("no_such_stage", [])
    with pytest.raises(KeyError, match="no_such_stage"):
        await world.run.isolate("no_such_stage", [])


async def test_a_person_sends_it_on_and_it_is_tried_anew():
    world = World(validate=PureStage(name="validate", decide=lambda task: GiveUp("missing_required_fields")))
    [job] = world.open(route=("validate", "confirm"))
    await world.run("validate", [job])
    assert await world.run("validate", [job]) == 0
    JobDesk(world.ledger, world.clock).resume(job, "ann")
    world.run.stages["validate"] = find_stages()["validate"]
    assert await world.run("validate", [job]) == 1
    assert world.stages_done(job) == ["validate"]


async def test_while_a_receipt_is_awaited_nobody_is_asked_and_no_attempt_is_spent():
    world = World()
    spec = ProviderSpec(
        name="notifier", capability=Capability.NOTIFIER, receipts=ReceiptsBy.BOTH, receipt_within_s=60.0
    )
    lines = [Line(spec, world.providers, asking(world.providers))]
    run = dataclasses.replace(world.run, board=switchboard(world.providers, lines))
    [job] = world.open(route=("dispatch", "confirm"))
    await run("dispatch", [job])
    await run("confirm", [job])
    waiting = world.job(job)
    assert (waiting.status, waiting.attempt) == (JobStatus.WAITING, 1)
    assert waiting.due_at == NOON + timedelta(seconds=60)
    assert await run("confirm", [job]) == 0
    assert world.providers.notifier.asked == list(world.providers.notifier.sent.values())
    world.clock.now = waiting.due_at
    await run("confirm", [job])
    assert world.job(job).status is JobStatus.DELIVERED
    assert len(world.providers.notifier.asked) == 2, "the message, and its receipt"
