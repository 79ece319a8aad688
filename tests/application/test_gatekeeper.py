"""What is paused is not worked at: no event is recorded, no attempt spent, and it goes on when it is opened."""

import pytest
from test_work import WHOLE_ROUTE, World

from dispatch.application.gatekeeper import LOOK_EVERY_S, Gatekeeper
from dispatch.application.given_back import GivenBack
from dispatch.application.ports.gates import Gate, gate_key
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.why import why
from dispatch.domain.control.events import PauseScope
from examples import NOON

GATE = Gate(reason="their maintenance", by="ann", since=NOON)


class Gates:
    """Closed are those that a test has put here."""

    def __init__(self):
        self.now, self.broken, self.asked = {}, False, 0

    def closed(self):
        self.asked += 1
        if self.broken:
            raise LedgerUnavailable("no answer")
        return dict(self.now)

    def close(self, scope, name=""):
        self.now = {gate_key(scope, name): GATE}


class Paused(World):
    """A world in which things can be paused; every look is a new one."""

    def __init__(self):
        super().__init__()
        self.gates, self.parked, self.time = Gates(), [], 0.0
        keeper = Gatekeeper(self.gates, self.parked.extend, self.tick)
        object.__setattr__(self.run, "gates", keeper)

    def tick(self):
        self.time += LOOK_EVERY_S
        return self.time


@pytest.mark.parametrize("closed", [(PauseScope.EVERYTHING,), (PauseScope.STAGE, "validate")])
async def test_work_at_a_paused_stage_is_given_back_untouched(closed: tuple):
    world = Paused()
    jobs = world.open(3)
    head = world.ledger.head()
    world.gates.close(*closed)
    with pytest.raises(GivenBack):
        await world.run("validate", jobs)
    assert world.ledger.head() == head
    world.gates.now = {}
    assert await world.run("validate", jobs) == 3


async def test_a_paused_stage_is_not_passed_on_the_way_either():
    world = Paused()
    [job] = world.open()
    world.gates.close(PauseScope.STAGE, "slots")
    await world.run("validate", [job])
    assert world.stages_done(job) == ["validate", "promote"]
    assert world.job(job).stage == "slots"


async def test_jobs_of_a_paused_batch_are_parked_and_record_nothing():
    world = Paused()
    jobs = world.open(2)
    batch_id = world.job(jobs[0]).batch_id
    world.gates.close(PauseScope.BATCH, batch_id)
    assert await world.run("validate", jobs) == 0
    assert world.parked == [(job, "validate", batch_id) for job in jobs]
    assert world.names(jobs[0]) == ["JobOpened"]


def test_a_look_is_half_a_second_old_at_most_and_the_last_one_counts_while_nobody_answers():
    gates, now = Gates(), [0.0]
    keeper = Gatekeeper(gates, lambda jobs: None, lambda: now[0])
    gates.close(PauseScope.PROVIDER, "main")
    keeper.look()
    gates.now = {}
    assert keeper.providers() == {"main": "provider_paused:main"}
    now[0] = LOOK_EVERY_S
    gates.broken = True
    keeper.look()
    assert list(keeper.providers()) == ["main"]
    assert gates.asked == 2
    now[0], gates.broken = 2 * LOOK_EVERY_S, False
    keeper.look()
    assert keeper.providers() == {}


@pytest.mark.parametrize(
    ("closed", "target"),
    [((PauseScope.EVERYTHING,), "all"), ((PauseScope.STAGE, "validate"), "stage validate")],
)
def test_why_says_who_paused_it_and_how_it_goes_on(closed: tuple, target: str):
    world = Paused()
    [job] = world.open(route=WHOLE_ROUTE)
    said = why(world.ledger, job, {gate_key(*closed): GATE})
    assert (said.code, said.why) == ("paused", f"ann has paused {target}: their maintenance")
    assert said.next == f"it goes on after `dispatch resume {target}`"
    assert said.inputs == {"by": "ann", "since": NOON.isoformat(), "until": None}
    assert why(world.ledger, job, {gate_key(PauseScope.STAGE, "verify"): GATE}) == why(world.ledger, job)


def test_it_says_whether_it_would_ask():
    gates, now = Gates(), [0.0]
    keeper = Gatekeeper(gates, lambda jobs: None, lambda: now[0])
    assert not keeper.is_fresh
    keeper.look()
    assert keeper.is_fresh
    keeper.stage("validate")
    assert gates.asked == 1
    now[0] = LOOK_EVERY_S
    assert not keeper.is_fresh
