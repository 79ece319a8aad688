"""What a worker remembers of its own jobs: it saves reading, and never decides anything that the ledger does not."""

import dataclasses

import msgspec
import pytest
from msgspec.structs import replace
from test_work import World

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.jobs import JobDesk
from dispatch.application.known_jobs import KnownJobs
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.providers import ProviderUnavailable
from dispatch.domain.job.decide import decider
from dispatch.domain.job.state import Job, JobStatus
from ledgers import cause


class Seconds:
    """A monotonic clock that is moved by hand."""

    now = 0.0

    def __call__(self):
        return self.now


class CountingLedger(MemoryLedger):
    """Remembers which streams it was asked for."""

    def __init__(self):
        super().__init__()
        self.loaded = []

    def load_many(self, streams):
        self.loaded.append(sorted(streams))
        return super().load_many(streams)


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def known(seconds):
    return KnownJobs(10, jobs_max=3, now=seconds)


@pytest.fixture
def world(known):
    world = World()
    world.ledger = CountingLedger()
    world.run = replace_run(world, known)
    return world


def replace_run(world, known):
    return dataclasses.replace(world.run, ledger=world.ledger, known=known)


def test_a_job_is_taken_once(known):
    known.keep([("a", Job(), 3)])
    assert known.take(["a", "b"])["a"].version == 3
    assert known.take(["a"]) == {}


def test_the_latest_word_counts_and_the_oldest_job_makes_room(known):
    known.keep([("a", Job(), 1), ("b", Job(), 1), ("a", Job(), 2)])
    known.keep([("c", Job(), 1), ("d", Job(), 1)])
    assert {job_id: one.version for job_id, one in known.take("abcd").items()} == {"a": 2, "c": 1, "d": 1}


def test_a_job_is_forgotten_before_its_work_is_given_to_somebody_else(known, seconds):
    known.keep([("a", Job(), 1), ("b", Job(), 1)])
    seconds.now = 9.9
    assert set(known.take(["a"])) == {"a"}
    seconds.now = 10.0
    assert known.take(["b"]) == {}


async def test_the_next_step_of_a_job_of_ones_own_reads_nothing(world):
    jobs = world.open(2, route=("verify", "dispatch", "confirm"))
    await world.run("verify", jobs)
    await world.run("dispatch", jobs)
    await world.run("confirm", jobs)
    assert world.ledger.loaded == [sorted(jobs)]
    assert {world.job(job).status for job in jobs} == {JobStatus.DELIVERED}
    assert len(world.providers.notifier.sent) == 2


async def test_known_or_not_the_same_is_recorded():
    histories = []
    for known in (None, KnownJobs(10)):
        world = World()
        world.run = replace_run(world, known)
        [job] = world.open()
        while not world.job(job).ended:
            await world.run(world.job(job).stage, [job])
        text = msgspec.json.encode(world.ledger.load(job).events).decode()
        histories.append(text.replace(job, "JOB"))
    assert histories[0] == histories[1]


async def test_a_job_whose_person_has_changed_is_read_again(world):
    """Only the ledger knows how it holds the new person: encrypted."""
    job, *_ = world.open(1, route=("enrich", "verify", "confirm"))
    event = world.ledger.load(job).events[0]
    nobody_reached = replace(event.person, email="")
    [other] = world.open(1, route=("enrich", "verify"))
    world.ledger.append([Append(other, 1, [replace(event, job_id=other, person=nobody_reached)], cause())])
    world.providers.contact_finder.default = replace(world.providers.contact_finder.default, email="new@example.org")
    await world.run("enrich", [other])
    assert world.job(other).person.email == "new@example.org"
    world.ledger.loaded.clear()
    await world.run("verify", [other])
    assert world.ledger.loaded == [[other]]
    assert world.providers.email_verifier.asked == ["new@example.org"]


async def test_what_somebody_else_recorded_meanwhile_counts(world):
    [job] = world.open(1, route=("verify", "dispatch"))
    await world.run("verify", [job])
    JobDesk(world.ledger, world.clock).cancel(job, "ann", "changed her mind")
    await world.run("dispatch", [job])
    assert world.job(job).status is JobStatus.CANCELLED
    assert world.providers.notifier.sent == {}


async def test_a_job_that_stands_elsewhere_is_read(world, known):
    [job] = world.open(1, route=("verify", "dispatch"))
    before = decider.fold(world.ledger.load(job).events)
    await world.run("verify", [job])
    known.keep([(job, before, 1)])  # As if this process had missed a step that another one took.
    assert await world.run("dispatch", [job]) == 1
    assert len(world.providers.notifier.sent) == 1


async def test_a_person_who_was_erased_is_not_contacted_although_the_job_is_known(world):
    [job] = world.open(1, route=("verify", "dispatch"))
    await world.run("verify", [job])
    world.persons.erased.add(job)
    await world.run("dispatch", [job])
    assert world.job(job).status is JobStatus.BLOCKED
    assert world.providers.notifier.sent == {}


async def test_a_ledger_that_was_set_back_is_believed(world, known):
    """After a restore from a backup what was known is ahead of the ledger: its version does not fit, and it is read."""
    [job] = world.open(1, route=("verify", "dispatch"))
    [event] = world.ledger.load(job).events
    known.keep([(job, decider.fold([event]), 7)])
    assert await world.run("verify", [job]) == 1
    assert world.stages_done(job) == ["verify"]
    assert world.ledger.load(job).version == 2


async def test_a_job_that_another_worker_has_moved_on_is_not_left_to_its_lease():
    """A remembers the job as it left it; B has tried and put it off since; at the retry the message comes to A."""
    world = World()
    a = dataclasses.replace(world.run, known=KnownJobs(seconds=60))
    [job] = world.open(route=("dispatch", "confirm"))
    await a("dispatch", [job])
    world.providers.notifier.answers[f"m-dispatch.{job}"] = ProviderUnavailable("timeout")
    await world.run("confirm", [job])
    assert world.job(job).status is JobStatus.WAITING
    world.providers.notifier.answers.clear()
    world.clock.now = world.job(job).due_at
    await a("confirm", [job])
    assert world.job(job).status is JobStatus.DELIVERED
