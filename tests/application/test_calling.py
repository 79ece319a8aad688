"""Several providers for one thing: who is asked, when the next one is, and that nothing is done twice."""

import asyncio
import dataclasses
import random
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from providing import Persons, providers, switchboard

import examples
from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.provider_sheet_memory import MemoryProviderSheet
from dispatch.application.calling.asking import asking
from dispatch.application.calling.line import Capability, InDoubt, Line, ProviderSpec
from dispatch.application.given_back import GivenBack
from dispatch.application.limits import OutboundRates
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.limits import Reservation
from dispatch.application.ports.provider_sheet import Spent
from dispatch.application.ports.providers import ProviderRefused, ProviderUnavailable, Verdict
from dispatch.application.stages import find_stages
from dispatch.application.tenants import TenantOf
from dispatch.application.work import RunStage
from dispatch.domain.gcra import Rate
from dispatch.domain.job.decide import decider
from dispatch.domain.job.state import JobStatus
from examples import NOON
from ledgers import cause, new_id, opened_job

DOWN = ProviderUnavailable("connection_refused", no_effect=True)
SILENT = ProviderUnavailable("timeout")
CAPABILITY = {"dispatch": Capability.NOTIFIER, "verify": Capability.EMAIL_VERIFIER, "enrich": Capability.CONTACT_FINDER}


class Wall:
    """A clock in seconds that is moved by hand."""

    def __init__(self):
        self.now = NOON.timestamp()

    def __call__(self):
        return self.now


class World:
    """Two providers of one capability, `main` and `spare`, for a route of one stage and the confirmation."""

    def __init__(self, stage, *, limiter=None, rates=None, **spec):
        self.stage, self.wall = stage, Wall()
        self.main, self.spare = providers(), providers()
        self.ledger, self.sheet = MemoryLedger(), MemoryProviderSheet(self.wall)
        lines = [
            Line(ProviderSpec(name="main", capability=CAPABILITY[stage], **spec), self.main, asking(self.main)),
            Line(ProviderSpec(name="spare", capability=CAPABILITY[stage]), self.spare, asking(self.spare)),
        ]
        self.board = switchboard(self.main, lines, sheet=self.sheet, limiter=limiter, rates=rates, now=self.utc)
        self.board.standings._clock = self.wall
        self.run = RunStage(
            ledger=self.ledger,
            stages=find_stages(),
            persons=Persons(),
            board=self.board,
            clock=self.utc,
            chance=random.Random(1).random,
        )

    def utc(self):
        return datetime.fromtimestamp(self.wall.now, UTC)

    def open(self, count=1):
        job_ids = [new_id() for _ in range(count)]
        for number, job_id in enumerate(job_ids):
            event = replace(opened_job(job_id), route=(self.stage, "confirm"), reference=f"JOB-{number}", row=number)
            self.ledger.append([Append(job_id, 0, [event], cause())])
        return job_ids

    async def work(self, jobs):
        return await self.run(self.stage, jobs)

    def job(self, job_id):
        return decider.fold(self.ledger.load(job_id).events)

    def names(self, job_id):
        return [type(event).__name__ for event in self.ledger.load(job_id).events][1:]

    def last(self, job_id):
        return self.ledger.load(job_id).events[-1]

    def of(self, which):
        """The port that the stage uses, of one of the two."""
        return {
            "dispatch": which.notifier,
            "verify": which.email_verifier,
            "enrich": which.contact_finder,
        }[self.stage]


@pytest.mark.parametrize("stage", ["verify", "enrich"])
async def test_a_provider_that_surely_did_nothing_is_passed_over_within_the_attempt(stage):
    world = World(stage)
    world.of(world.main).default = DOWN
    [job] = world.open()
    await world.work([job])
    assert world.names(job) == ["FailedOver", "StageCompleted"]
    assert world.last(job).output["provider"] == "spare"
    assert world.job(job).attempts == 0


async def test_the_next_notifier_starts_under_the_same_key_and_is_recorded_before_it_is_asked():
    world = World("dispatch")
    world.main.notifier.default = DOWN
    world.main.notifier.send = refuse(DOWN)
    [job] = world.open()
    await world.work([job])
    assert world.names(job) == ["StageStarted", "FailedOver", "StageStarted", "StageCompleted"]
    started = [event for event in world.ledger.load(job).events if type(event).__name__ == "StageStarted"]
    assert [event.provider for event in started] == ["main", "spare"]
    assert {event.idempotency_key for event in started} == {f"dispatch.{job}"}
    assert (len(world.main.notifier.sent), len(world.spare.notifier.sent)) == (0, 1)


def refuse(error):
    async def send(message):
        raise error

    return send


async def test_a_provider_that_may_have_acted_is_asked_again_and_nobody_else():
    world = World("dispatch")
    [job] = world.open()
    world.main.notifier.answers[f"dispatch.{job}"] = SILENT  # It sends, and its answer is lost.
    await world.work([job])
    assert world.names(job) == ["StageStarted", "StageFailed", "RetryScheduled"]
    assert world.job(job).in_doubt
    del world.main.notifier.answers[f"dispatch.{job}"]
    world.wall.now += 5
    await world.work([job])
    assert world.last(job).output["provider"] == "main"
    assert (len(world.main.notifier.sent), len(world.spare.notifier.sent)) == (1, 0)


async def test_in_doubt_even_a_provider_that_is_down_is_not_replaced():
    world = World("dispatch")
    [job] = world.open()
    world.main.notifier.answers[f"dispatch.{job}"] = SILENT
    await world.work([job])
    world.main.notifier.send = refuse(DOWN)
    world.wall.now += 5
    await world.work([job])
    assert world.job(job).in_doubt, "that it is down now says nothing about then"
    assert world.spare.notifier.sent == {}


async def test_every_provider_down_is_one_failed_attempt():
    world = World("verify")
    world.main.email_verifier.default = world.spare.email_verifier.default = DOWN
    [job] = world.open()
    await world.work([job])
    assert world.names(job) == ["FailedOver", "StageFailed", "RetryScheduled"]
    assert world.ledger.load(job).events[-2].provider == "spare"
    assert world.job(job).passed_over == (), "the next attempt begins with the first again"


@pytest.mark.acceptance("S.03", part="a crash between the call and its record: by the provider's policy")
@pytest.mark.parametrize(
    ("policy", "sent_before", "calls", "ends"),
    [
        (InDoubt.REPEAT, True, 1, "StageCompleted"),
        (InDoubt.ASK, True, 0, "StageCompleted"),
        (InDoubt.ASK, False, 1, "StageCompleted"),
        (InDoubt.PERSON, True, 0, "JobEscalated"),
    ],
)
async def test_after_a_crash_in_a_call_the_providers_policy_decides(policy, sent_before, calls, ends):
    world = World("dispatch", in_doubt=policy)
    [job] = world.open()
    notifier = world.main.notifier
    notifier.answers[f"dispatch.{job}"] = DyingWorker()
    with pytest.raises(DyingWorker):
        await world.work([job])
    assert world.names(job) == ["StageStarted"]
    notifier.answers.clear()
    notifier.asked.clear()
    if not sent_before:
        notifier.sent.clear()
    await world.work([job])
    assert len(notifier.asked) == calls
    assert type(world.last(job)).__name__ == ends
    assert len(notifier.sent) == 1
    assert world.spare.notifier.sent == {}
    if policy is InDoubt.PERSON:
        assert world.last(job).reason == "outcome_unknown"


class DyingWorker(Exception):
    """Stands for a worker that dies in a call."""


async def test_in_doubt_at_a_provider_that_is_declared_no_more_goes_before_a_person():
    world = World("dispatch")
    [job] = world.open()
    world.main.notifier.answers[f"dispatch.{job}"] = SILENT
    await world.work([job])
    del world.board.lines[0]
    world.wall.now += 5
    await world.work([job])
    assert world.job(job).escalated_for == "outcome_unknown"
    assert world.spare.notifier.sent == {}


async def test_without_keys_or_questions_an_answer_that_is_lost_goes_before_a_person_at_once():
    world = World("dispatch", in_doubt=InDoubt.PERSON)
    [job] = world.open()
    world.main.notifier.answers[f"dispatch.{job}"] = SILENT
    await world.work([job])
    assert world.names(job) == ["StageStarted", "StageFailed", "JobEscalated"]
    assert world.job(job).escalated_for == "outcome_unknown"


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


class Slowly:
    """A limiter that lets so many through, each some time after the other."""

    def __init__(self, granted, interval_s):
        self.granted, self.interval_s, self.asked = granted, interval_s, []

    def reserve_all(self, limits, n, horizon_s):
        self.asked.append(([limit.key for limit in limits], n))
        granted = min(n, self.granted)
        return Reservation(granted=granted, delay_s=0, at_once=1, interval_s=self.interval_s, ask_again_s=0.1)


@pytest.mark.acceptance("S.04", part="calls keep to their pace, and what comes later waits in hand for its turn")
async def test_calls_keep_their_pace_and_the_rest_waits_for_its_turn():
    limiter = Slowly(4, 0.05)
    world = World("verify", limiter=limiter, rate=Rate(per=20, seconds=1.0))
    jobs = world.open(6)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await world.work(jobs)
    assert loop.time() - began >= 3 * 0.05 + 0.1
    assert limiter.asked == [(["provider:main"], 6), (["provider:main"], 2)]
    assert {tuple(world.names(job)) for job in jobs} == {("StageCompleted",)}, "nobody was put off: that costs events"
    assert world.spare.email_verifier.asked == [], "the next in order is for failures, not for speed"


async def test_who_waits_for_a_turn_is_given_back_when_the_process_is_to_stop():
    limiter = Slowly(1, 0.0)
    world = World("verify", limiter=limiter, rate=Rate(per=1, seconds=60.0))
    world.run = dataclasses.replace(world.run, stopping=lambda: bool(limiter.asked))
    jobs = world.open(3)
    with pytest.raises(GivenBack):
        await world.work(jobs)
    assert [world.names(job) for job in jobs] == [["StageCompleted"], [], []]


async def test_what_goes_out_by_a_channel_is_limited_whoever_carries_it():
    limiter = Slowly(500, 0.0)
    world = World("dispatch", limiter=limiter, rates=OutboundRates(channel_per_s=100))
    await world.work(world.open(3))
    assert limiter.asked == [(["channel:email"], 3)]


async def test_a_message_that_was_sent_is_asked_after_where_it_was_sent():
    world = World("dispatch")
    world.main.notifier.send = refuse(DOWN)
    [job] = world.open()
    await world.work([job])
    world.main.notifier.asked.clear()
    await world.run("confirm", [job])
    assert world.job(job).status is JobStatus.DELIVERED
    assert world.main.notifier.asked == []
    assert world.spare.notifier.asked[-1] == f"m-dispatch.{job}"


async def test_each_who_brings_batches_has_a_limit_where_one_is_set():
    limiter = Slowly(500, 0.0)
    world = World("dispatch", limiter=limiter, rates=OutboundRates(channel_per_s=0, tenant_per_s=5))
    tenant_of = TenantOf(world.ledger)
    world.run = dataclasses.replace(world.run, tenant_of=tenant_of)
    batch = replace(examples.received, by="webhook:crm")
    world.ledger.append([Append(examples.BATCH_ID, 0, [batch], cause())])
    [job] = world.open()
    await world.work([job])
    brought = tenant_of(world.job(job).batch_id)
    assert limiter.asked == ([(["tenant:webhook:crm"], 1)] if brought else [])
    assert brought == "webhook:crm"
