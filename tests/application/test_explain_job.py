"""What a job that is under way waits for, and until when; and that a worker is told the same (no "next" only)."""

from datetime import timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace
from providing import providers, switchboard

import examples
from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.limits_memory import MemoryLimiter
from dispatch.adapters.provider_sheet_memory import MemoryProviderSheet
from dispatch.application.calling.line import Capability, Line, ProviderSpec
from dispatch.application.calling.switchboard import Assigned, Later, NotNow
from dispatch.application.explain_job import ExplainJob
from dispatch.application.limits import OutboundRates
from dispatch.application.ports.gates import Gate
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.limits import Limit
from dispatch.application.ports.provider_sheet import Report
from dispatch.application.stages import find_stages
from dispatch.domain.gcra import Rate
from dispatch.domain.job.decide import decider
from dispatch.domain.job.state import JobStatus
from examples import BATCH_ID, JOB_ID, NOON
from ledgers import cause

ROUTE = ("validate", "verify", "clear", "dispatch", "confirm")
MAIN = ProviderSpec(name="main", capability=Capability.NOTIFIER, price_millipence=3_000, cap_millipence=9_000)
SPARE = replace(MAIN, name="spare", cap_millipence=None)


class Bench:
    """A job that is due at `dispatch`, and everything that may be in its way."""

    def __init__(self, *specs: ProviderSpec, rates: OutboundRates | None = None) -> None:
        self.ledger, self.gates, self.before = MemoryLedger(), {}, 0
        self.now, self.specs = NOON, specs or (MAIN,)
        self.sheet = MemoryProviderSheet(clock=self.seconds)
        self.limiter = MemoryLimiter(clock_ns=lambda: int(self.now.timestamp() * 1e9))
        self.rates = rates or OutboundRates(channel_per_s=0)
        received = replace(examples.received, by="webhook:crm")
        self.ledger.append([Append(BATCH_ID, 0, [received], cause())])
        events = [replace(examples.opened, route=ROUTE)]
        for stage, following in pairwise(ROUTE[:4]):
            events.append(replace(examples.completed, stage=stage, next_stage=following, output={}))
        self.ledger.append([Append(JOB_ID, 0, events, cause())])

    def seconds(self) -> float:
        return self.now.timestamp()

    def explain(self):
        return ExplainJob(
            self.ledger,
            lambda: self.gates,
            find_stages(),
            self.specs,
            self.sheet,
            self.limiter,
            self.rates,
            lambda _: self.before,
            lambda: self.now,
        )(JOB_ID)

    async def told(self):
        """What a worker is told of this job now."""
        asked = providers()
        lines = [Line(spec, asked, asked) for spec in self.specs]
        board = switchboard(
            asked, lines, sheet=self.sheet, limiter=self.limiter, rates=self.rates, now=lambda: self.now
        )
        explain = ExplainJob(
            self.ledger,
            dict,
            find_stages(),
            self.specs,
            self.sheet,
            self.limiter,
            self.rates,
            lambda _: 0,
            lambda: NOON,
        )
        stage = find_stages()["dispatch"]
        wanted = explain._wanted(stage, JOB_ID, decider.fold(self.ledger.load(JOB_ID).events))
        return (await board.assign("notifier", [wanted]))[JOB_ID]


def test_nothing_in_the_way_it_says_how_many_are_before_it():
    bench = Bench()
    said = bench.explain()
    assert said.why.startswith("nothing stands in its way, and main may be asked; in the queue of dispatch no job")
    bench.before = 1_200
    said = bench.explain()
    assert said.why.endswith("in the queue of dispatch 1,200 jobs are before it")
    assert (said.inputs["ahead"], said.inputs["provider"], said.until) == (1_200, "main", None)


async def test_a_breaker_that_is_open():
    bench = Bench()
    bench.sheet.exchange({"main": Report(calls=20, failures=20)})
    said = bench.explain()
    assert (said.code, said.status) == ("breaker_open:main", JobStatus.RUNNING)
    assert said.until == NOON + timedelta(seconds=5)
    assert "fails too often" in said.why
    assert "asked again at 2026-11-23T12:00:05+00:00" in said.why
    told = await bench.told()
    assert isinstance(told, NotNow)
    assert (told.reason, told.wait_s) == (said.code, pytest.approx(5, abs=0.1))


async def test_a_cap_that_is_spent():
    bench = Bench()
    bench.sheet.reserve("main", 3_000, 3, 9_000)
    said = bench.explain()
    assert (said.code, said.until) == ("spend_cap:main", NOON.replace(hour=0) + timedelta(days=1))
    assert "raise its cap" in said.next
    told = await bench.told()
    assert isinstance(told, NotNow)
    assert told.reason == said.code


@pytest.mark.parametrize("until", [None, NOON + timedelta(hours=2)])
def test_a_provider_that_is_paused(until):
    bench = Bench()
    bench.gates["provider:main"] = Gate(reason="their maintenance", by="ann", since=NOON, until=until)
    said = bench.explain()
    assert (said.code, said.until) == ("provider_paused:main", until)
    assert "the provider main was paused by ann: their maintenance" in said.why
    assert "dispatch resume provider main" in said.next


@pytest.mark.parametrize(
    ("rates", "key"),
    [
        (OutboundRates(channel_per_s=2), "channel:email"),
        (OutboundRates(channel_per_s=0, providers_per_s={"main": 2}), "provider:main"),
        (OutboundRates(channel_per_s=0, tenant_per_s=2), "tenant:webhook:crm"),
    ],
)
async def test_a_limit_that_is_reached(rates: OutboundRates, key: str):
    bench = Bench(rates=rates)
    for _ in range(20):
        bench.limiter.reserve_all([Limit(key, Rate(2))], 20, 5.0)
    said = bench.explain()
    assert said.code == f"rate_limited:{key}"
    assert said.until is not None
    assert 4 < (said.until - NOON).total_seconds() < 6
    assert isinstance(await bench.told(), Later), "a worker keeps it in hand for its turn"
    assert key in said.why


def test_those_before_it_at_a_limit_say_about_when_its_turn_comes():
    bench = Bench(rates=OutboundRates(channel_per_s=10))
    bench.before = 600
    said = bench.explain()
    assert (said.code, said.inputs["ahead"]) == ("rate_limited:channel:email", 600)
    assert said.until == NOON + timedelta(seconds=60)
    assert "600 jobs are before it, and its turn comes at 2026-11-23T12:01:00+00:00 at the earliest" in said.why


def test_a_limit_of_the_providers_file():
    bench = Bench(replace(MAIN, rate=Rate(25, 5.0)))
    bench.before = 50
    assert bench.explain().code == "rate_limited:provider:main"


async def test_the_next_provider_takes_it_and_nothing_stands_in_its_way():
    bench = Bench(MAIN, SPARE)
    bench.sheet.exchange({"main": Report(calls=20, failures=20)})
    said = bench.explain()
    assert "spare may be asked" in said.why
    told = await bench.told()
    assert isinstance(told, Assigned)
    assert told.line.name == "spare"


async def test_of_several_that_are_closed_the_soonest_counts():
    bench = Bench(MAIN, SPARE)
    bench.sheet.exchange({"main": Report(calls=20, failures=20), "spare": Report(calls=20, failures=20)})
    bench.gates["provider:main"] = Gate(reason="", by="ann", since=NOON)
    assert bench.explain().code == "breaker_open:spare"


async def test_no_provider_at_all():
    bench = Bench(replace(MAIN, channels=("sms",)))
    said = bench.explain()
    told = await bench.told()
    assert isinstance(told, NotNow)
    assert told.reason == said.code == "no_provider:email"
    assert said.until is None


def test_a_paused_stage_is_said_first():
    bench = Bench()
    bench.sheet.exchange({"main": Report(calls=20, failures=20)})
    bench.gates["stage:dispatch"] = Gate(reason="", by="ann", since=NOON, until=NOON + timedelta(hours=1))
    said = bench.explain()
    assert (said.code, said.until) == ("paused", NOON + timedelta(hours=1))


def test_what_is_with_a_provider_waits_for_its_answer():
    bench = Bench()
    started = replace(examples.started, stage="dispatch", attempt=1)
    bench.ledger.append([Append(JOB_ID, 4, [started], cause())])
    bench.sheet.exchange({"main": Report(calls=20, failures=20)})
    assert "is with the provider" in bench.explain().why


def test_a_retry_whose_time_has_come_waits_like_the_others():
    bench = Bench()
    failed = replace(examples.failed, stage="dispatch", attempt=1, in_doubt=False)
    retry = replace(examples.retry_scheduled, stage="dispatch", attempt=2, due_at=NOON + timedelta(seconds=3))
    bench.ledger.append([Append(JOB_ID, 4, [failed, retry], cause())])
    bench.sheet.exchange({"main": Report(calls=20, failures=20)})
    assert bench.explain().code == "timeout"
    bench.now = NOON + timedelta(seconds=4)
    assert bench.explain().code == "breaker_open:main"


def test_what_has_ended_is_left_as_it_is():
    bench = Bench()
    bench.ledger.append([Append(JOB_ID, 4, [examples.delivered], cause())])
    bench.sheet.exchange({"main": Report(calls=20, failures=20)})
    assert bench.explain().status is JobStatus.DELIVERED
