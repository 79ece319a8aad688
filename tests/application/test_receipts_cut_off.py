"""Receipts whose taking is cut off in the middle are counted as the ledger has them: none forgotten, none doubled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from receipts_world import DELIVERED, FAILED, World, receipt, sums

from dispatch.application.ports.ledger import LedgerUnavailable, VersionConflict
from dispatch.domain.job.events import ReceiptRecorded

PORTS = (("ledger", "load_many"), ("ledger", "append"), ("sheet", "note"), ("sheet", "settle"), ("sheet", "put_off"))


@contextmanager
def replaced(thing: object, name: str, make: Callable) -> Iterator[None]:
    """`make` is given the method and answers what stands in its place."""
    setattr(thing, name, make(getattr(thing, name)))
    try:
        yield
    finally:
        delattr(thing, name)


def gone(*_):
    raise LedgerUnavailable("gone")


@contextmanager
def busy(world: World, job_id: str) -> Iterator[None]:
    """Somebody is always faster at this job."""

    def append(method):
        def answers(appends):
            recorded = iter(method([one for one in appends if one.stream != job_id]))
            return [VersionConflict(job_id, 0, 1) if one.stream == job_id else next(recorded) for one in appends]

        return answers

    with replaced(world.ledger, "append", append):
        yield


def sent(world: World, count: int) -> list[str]:
    jobs = [world.open() for _ in range(count)]
    for number, job_id in enumerate(jobs):
        world.send(job_id, f"m-{number}")
    return jobs


def waiting(world: World, count: int) -> list[str]:
    """Receipts came before their messages were known, which they are by now."""
    jobs = [world.open() for _ in range(count)]
    assert world.take("main", [receipt(f"m-{number}") for number in range(count)]).waiting == count
    for number, job_id in enumerate(jobs):
        world.send(job_id, f"m-{number}")
    return jobs


def recorded(world: World) -> list[ReceiptRecorded]:
    events = [record.event for record in world.ledger.read(0, 10_000)]
    return [event for event in events if isinstance(event, ReceiptRecorded)]


def test_what_was_recorded_of_a_request_is_counted_although_one_of_its_jobs_was_too_busy():
    world = World()
    jobs, request = sent(world, 3), [receipt(f"m-{number}") for number in range(3)]
    with busy(world, jobs[1]), pytest.raises(VersionConflict):
        world.take("main", request)
    assert (sums(world).received, sums(world).recorded) == (2, 2)
    assert world.take("main", request).recorded == 1
    assert (sums(world).received, sums(world).recorded, sums(world).repeated) == (5, 3, 2)


def test_counts_that_could_not_be_written_come_with_the_next_ones():
    world = World()
    jobs = sent(world, 1)
    with replaced(world.sheet, "note", lambda _: gone), pytest.raises(LedgerUnavailable):
        world.take("main", [receipt("m-0")])
    assert world.said(jobs[0]) == [DELIVERED]
    assert world.take("main", [receipt("m-0")]).repeated == 1
    assert (sums(world).received, sums(world).recorded, sums(world).repeated) == (2, 1, 1)


def test_what_waited_is_counted_although_one_of_the_jobs_is_too_busy():
    world = World()
    jobs = waiting(world, 3)
    with busy(world, jobs[1]):
        assert world.later() == 2
    assert (sums(world).recorded, sums(world).late, sums(world).waiting) == (2, 2, 1)
    assert world.later(10) == 1
    assert (sums(world).recorded, sums(world).late, sums(world).repeated) == (3, 3, 0)


def test_what_was_recorded_and_could_not_be_settled_is_not_counted_twice():
    world = World()
    waiting(world, 2)
    with replaced(world.sheet, "settle", lambda _: gone), pytest.raises(LedgerUnavailable):
        world.later()
    assert len(recorded(world)) == 2
    assert world.later() == 2
    assert (sums(world).received, sums(world).recorded, sums(world).repeated) == (2, 2, 0)


@pytest.mark.parametrize("first", ["who recorded it", "who found it recorded"])
def test_two_who_look_at_what_waits_count_it_once(first):
    world = World()
    waiting(world, 1)
    found = world.sheet.due(10)

    def also(method):
        def by_another(*arguments):
            with replaced(world.sheet, "due", lambda _: lambda limit: found):
                delattr(world.sheet, "settle")
                if first == "who recorded it":
                    method(*arguments)
                world.later()
                if first == "who found it recorded":
                    method(*arguments)
            world.sheet.settle = method

        return by_another

    with replaced(world.sheet, "settle", also):
        world.later()
    assert (sums(world).received, sums(world).recorded, sums(world).repeated) == (1, 1, 0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([DELIVERED, FAILED])), min_size=1, max_size=12),
    st.dictionaries(st.sampled_from(PORTS), st.lists(st.booleans(), max_size=6), min_size=1),
    st.integers(1, 4),
    st.booleans(),
)
def test_whatever_does_not_answer_now_and_then_the_counts_are_those_of_the_ledger(said, fails, at_once, is_early):
    """Four messages; `fails` says at which of its calls a port raises; a request is sent until it is answered."""
    world = World()
    jobs = [world.open() for _ in range(4)]

    def send():
        for number, job_id in enumerate(jobs):
            world.send(job_id, f"m-{number}")

    if not is_early:
        send()
    for (thing, name), plan in fails.items():
        flaky(getattr(world, thing), name, plan)
    for start in range(0, len(said), at_once):
        request = [receipt(f"m-{number}", status) for number, status in said[start : start + at_once]]
        until_answered(lambda request=request: world.take("main", request))
    for thing, name in fails:
        plain(getattr(world, thing), name)
    if is_early:
        send()
    for (thing, name), plan in fails.items():
        flaky(getattr(world, thing), name, plan)
    for _ in range(40):
        until_answered(lambda: world.later(700))
    events = recorded(world)
    assert {(event.message_id, event.status) for event in events} == {(f"m-{n}", status) for n, status in set(said)}
    total = sums(world)
    assert total.received >= len(said)
    assert (total.recorded, total.waiting) == (len(events), 0)
    assert total.contradicting == sum(event.contradicts for event in events)
    assert total.late == (len(events) if is_early else 0)


def flaky(thing: object, name: str, plan: list[bool]) -> None:
    """From now on the method raises instead of doing anything, where the plan says so."""
    method, left = getattr(thing, name), chain(plan, repeat(False))

    def maybe(*arguments):
        return gone() if next(left) else method(*arguments)

    setattr(thing, name, maybe)


def plain(thing: object, name: str) -> None:
    delattr(thing, name)


def until_answered(ask: Callable[[], object]) -> None:
    for _ in range(100):
        try:
            ask()
        except LedgerUnavailable:
            continue
        return
    raise AssertionError("never answered")
