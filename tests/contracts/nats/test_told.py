"""What the relay is told need not be read, and nothing is ever missed for what it was told, or was not."""

import asyncio
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming import asked_for, flushed, running, until

from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.nats.relay import Relay
from dispatch.adapters.nats.told import EVENTS_MAX, Part, Told, part_of
from dispatch.adapters.nats.wakeups import BYTES_MAX, Wakeups
from dispatch.application.ports.ledger import Advance
from dispatch.application.react import Work
from ledgers import follow, new_id, start

STAGES = ["verify", "dispatch"]
broken_into = st.lists(st.integers(1, 5), min_size=1, max_size=20)
"""Appends of so many events, one behind the other."""


def parts_of(sizes):
    """What is told of appends of these sizes; each brings one piece of work, named after its last position."""
    head, parts = 0, []
    for size in sizes:
        parts.append(Part(head, head + size, (Work("verify", (str(head + size),)),)))
        head += size
    return parts


@given(sizes=broken_into, luck=st.randoms(use_true_random=False))
def test_in_whatever_order_it_is_told_all_work_comes_once(sizes, luck):
    parts = parts_of(sizes)
    told, position, work = Told(), 0, []
    said = parts + luck.sample(parts, len(parts) // 2)  # Some of it twice.
    luck.shuffle(said)
    for part in said:
        told.hear([part])
        position, more = told.take(position)
        work += more
    assert position == told.head == sum(sizes)
    assert sorted(work, key=lambda each: int(each.streams[0])) == [part.work[0] for part in parts]


@given(sizes=broken_into, luck=st.randoms(use_true_random=False))
def test_behind_what_was_not_told_nothing_is_taken(sizes, luck):
    parts = parts_of(sizes)
    missing = luck.randrange(len(parts))
    told = Told()
    told.hear(parts[:missing] + parts[missing + 1 :])
    position, work = told.take(0)
    assert (position, len(work)) == (sum(sizes[:missing]), missing)
    assert missing == len(parts) - 1 or told.head > position, "so it is known that there is something to be read"
    assert told.take(position + sizes[missing])[0] == sum(sizes), "what was read, the rest connects to"


def test_what_is_too_long_is_not_told():
    jobs = [start(new_id()) for _ in range(EVENTS_MAX + 1)]
    assert part_of(Advance(5_000, jobs)) == Part(0, 5_000, None)
    assert part_of(Advance(5_000)) == Part(0, 5_000, None)
    told = part_of(Advance(5_000, jobs[1:]))
    assert (told.after, told.head) == (4_000, 5_000)
    assert [stream for work in told.work for stream in work.streams] == [job.stream for job in jobs[1:]]


def test_what_was_told_before_it_was_forgotten_is_read():
    told = Told()
    told.hear(parts_of([1, 1]))
    told.forget()
    assert (told.take(0), told.head) == ((0, []), 0)


@pytest.fixture
def reads():
    """How often the ledger was read, by which relay."""
    return []


@pytest.fixture
def is_heard():
    """Whether the relay hears a part: all of them, unless a test puts something else in front."""
    return [lambda part: True]


@pytest.fixture
async def telling(ledger, database_url, sheet, client, clients, reads, is_heard, monkeypatch):
    """A relay that is told what another process appends to the ledger it follows, and the ledger of that process."""
    read = ledger.read

    def counted(after, limit):
        found = read(after, limit)
        reads.append(len(found))
        return found

    monkeypatch.setattr(ledger, "read", counted)
    told = Told()
    wake = await Wakeups(client).listen(lambda parts: told.hear([part for part in parts if is_heard[0](part)]))
    await flushed(client)
    theirs = PostgresLedger(LedgerRecorder(open_datastore(database_url)), Wakeups(await clients()).announce)
    relay = Relay(ledger, sheet, client, STAGES, told)
    try:
        async with running(lambda stop: relay.follow(wake, stop)):
            await until(lambda: reads)
            yield relay, theirs
    finally:
        await asyncio.to_thread(theirs.close)


@pytest.mark.postgres
@pytest.mark.nats
@pytest.mark.acceptance("2.01", part="who appends tells what, and the work is there without a look at the ledger")
async def test_what_is_told_is_published_without_being_read(telling, js, reads):
    relay, theirs = telling
    jobs = {new_id() for _ in range(40)}
    for job in jobs:
        await theirs.append_async([start(job)])
    moved = set(sorted(jobs)[:7])
    await theirs.append_async([follow(job, 1) for job in moved])
    await until(lambda: relay.through == theirs.head())
    assert (await asked_for(js, "verify"), await asked_for(js, "dispatch")) == (jobs, moved)
    assert sum(reads) < len(jobs) / 2, "most of it was told; a look now and then may have come first"


@pytest.mark.postgres
@pytest.mark.nats
@pytest.mark.parametrize("heard", [0.0, 0.5], ids=["nothing is heard", "half is heard"])
async def test_what_is_lost_on_the_way_is_read(telling, js, is_heard, heard):
    relay, theirs = telling
    luck = random.Random(7)
    is_heard.insert(0, lambda part: luck.random() < heard)
    jobs = {new_id() for _ in range(100)}
    for job in jobs:
        await theirs.append_async([start(job)])
    await until(lambda: relay.through == theirs.head())
    assert await asked_for(js, "verify") == jobs


@pytest.mark.postgres
@pytest.mark.nats
async def test_appends_of_a_ledger_that_tells_nothing_are_read(telling, js, ledger):
    relay, theirs = telling
    quiet, told = {new_id() for _ in range(20)}, {new_id() for _ in range(20)}
    for one, other in zip(quiet, told, strict=True):
        await asyncio.to_thread(ledger.append, [start(one)])
        await theirs.append_async([start(other)])
    await until(lambda: relay.through == theirs.head())
    assert await asked_for(js, "verify") == quiet | told


@pytest.mark.postgres
@pytest.mark.nats
async def test_an_append_of_which_a_part_was_refused_is_read(telling, js):
    relay, theirs = telling
    known, fresh = new_id(), new_id()
    await theirs.append_async([start(known)])
    answers = await theirs.append_async([start(known), start(fresh)])
    assert [isinstance(answer, range) for answer in answers] == [False, True]
    await until(lambda: relay.through == theirs.head())
    assert await asked_for(js, "verify") == {known, fresh}


@pytest.mark.nats
async def test_more_than_nats_would_take_is_told_as_a_head_alone(client, clients):
    heard, there = [], await clients()
    wake = await Wakeups(there).listen(heard.extend)
    await flushed(there)
    here = Wakeups(client)
    work = (Work("verify", tuple(new_id() for _ in range(BYTES_MAX // 36))),)
    here._parts = [Part(0, 7, work)]
    here._publish_soon()
    await asyncio.wait_for(wake.wait(), 10)
    assert heard == [Part(0, 7, None)]


@pytest.mark.nats
async def test_words_of_another_version_still_wake(client, clients):
    heard, there = [], await clients()
    wake = await Wakeups(there).listen(heard.extend)
    await flushed(there)
    await client.publish("dispatch.ledger.advanced", msgspec.json.encode({"head": 7}))
    await asyncio.wait_for(wake.wait(), 10)
    assert heard == []
