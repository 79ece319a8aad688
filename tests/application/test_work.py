"""A chunk of jobs at a stage: what is recorded, when it is repeated, and who is left alone."""

import asyncio
import dataclasses
import random
from datetime import timedelta

import pytest
from msgspec.structs import replace
from providing import Persons, providers, switchboard

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.calling.asking import asking
from dispatch.application.calling.line import Capability, Line, ProviderSpec, ReceiptsBy
from dispatch.application.jobs import JobDesk
from dispatch.application.ports.ledger import Append, LedgerUnavailable
from dispatch.application.ports.privacy import KeyMissing, PersonUnreadable
from dispatch.application.ports.providers import ProviderRefused, ProviderUnavailable
from dispatch.application.stages import find_stages
from dispatch.application.stages.stage import ProviderStage, PureStage
from dispatch.application.work import RunStage
from dispatch.domain.consent import Permission
from dispatch.domain.job.commands import CancelJob, Done, GiveUp
from dispatch.domain.job.decide import decider
from dispatch.domain.job.state import JobStatus
from dispatch.domain.retry import RetryPolicy
from examples import NOON
from ledgers import cause, new_id, opened_job

WHOLE_ROUTE = ("validate", "promote", "slots", "enrich", "verify", "clear", "dispatch", "confirm")


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


class World:
    """A ledger with jobs, providers, a clock, and the use case over them."""

    def __init__(self, **stages):
        self.ledger, self.providers, self.clock = MemoryLedger(), providers(), Clock()
        self.persons = Persons()
        self.run = RunStage(
            ledger=self.ledger,
            stages=find_stages() | stages,
            persons=self.persons,
            board=switchboard(self.providers),
            clock=self.clock,
            chance=random.Random(1).random,
        )

    def open(self, count=1, route=WHOLE_ROUTE):
        job_ids = [new_id() for _ in range(count)]
        for number, job_id in enumerate(job_ids):
            event = replace(opened_job(job_id), route=route, reference=f"JOB-{number}", row=number)
            self.ledger.append([Append(job_id, 0, [event], cause())])
        return job_ids

    def job(self, job_id):
        return decider.fold(self.ledger.load(job_id).events)

    def names(self, job_id):
        return [type(event).__name__ for event in self.ledger.load(job_id).events]

    def stages_done(self, job_id):
        return [event.stage for event in self.ledger.load(job_id).events if type(event).__name__ == "StageCompleted"]


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


async def test_a_person_sends_it_on_and_it_is_tried_anew():
    world = World(validate=PureStage(name="validate", decide=lambda task: GiveUp("missing_required_fields")))
    [job] = world.open(route=("validate", "confirm"))
    await world.run("validate", [job])
    assert await world.run("validate", [job]) == 0
    JobDesk(world.ledger, world.clock).resume(job, "ann")
    world.run.stages["validate"] = find_stages()["validate"]
    assert await world.run("validate", [job]) == 1
    assert world.stages_done(job) == ["validate"]


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
