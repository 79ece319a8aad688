"""Receipts as they come: each at its job once, and whatever cannot be recorded yet is kept until it can be."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from receipts_world import DELIVERED, FAILED, PENDING, World, receipt, sums

from dispatch.application.ports.ledger import Append, LedgerUnavailable
from dispatch.application.receipts import job_of_key
from dispatch.domain.job.events import JobDelivered, StageStarted
from dispatch.domain.job.keys import idempotency_key
from dispatch.domain.job.state import JobStatus
from examples import NOON
from ledgers import cause, new_id


def test_many_at_once_are_recorded_in_one_append_and_each_once():
    world = World()
    jobs = [world.open() for _ in range(50)]
    for number, job_id in enumerate(jobs):
        world.send(job_id, f"m-{number}")
    taken = world.take("main", [receipt(f"m-{number}") for number in range(50)] * 3)
    assert (taken.received, taken.recorded, taken.repeated) == (150, 50, 100)
    assert {world.job(job_id).status for job_id in jobs} == {JobStatus.DELIVERED}
    causes = {record.causation_id for record in world.ledger.read(100, 1_000)}
    assert len(causes) == 1
    assert sums(world).repeated == 100


@pytest.mark.parametrize("status", [DELIVERED, FAILED])
def test_one_that_is_early_waits_for_the_send_and_for_the_views(status):
    world = World()
    job_id = world.open()
    assert world.take("main", [receipt("m-1", status)]).waiting == 1
    assert world.later() == 0
    world.send(job_id, "m-1", seen=False)
    assert world.later() == 0
    world.see(job_id, "m-1")
    assert world.later() == 1
    assert world.said(job_id) == [status]
    assert (sums(world).late, sums(world).waiting) == (1, 0)


def test_one_that_names_its_key_needs_no_view():
    world = World()
    job_id = world.open()
    early = receipt(idempotency_key=idempotency_key(job_id, "dispatch"))
    assert world.take("main", [early]).waiting == 1
    world.send(job_id, "m-1", seen=False)
    assert world.later() == 1
    assert world.job(job_id).status is JobStatus.DELIVERED


@pytest.mark.parametrize("named", [{"message_id": "m-1"}, {}], ids=["by key and id", "by key"])
@pytest.mark.parametrize("status", [DELIVERED, FAILED])
def test_one_that_came_before_the_doubt_was_known_settles_it(status, named):
    """The worker is killed in its call; another one finds the job in doubt, and its policy asks a person."""
    world = World()
    job_id = world.open()
    key = idempotency_key(job_id, "dispatch")
    start = StageStarted(job_id=job_id, at=NOON, stage="dispatch", attempt=1, idempotency_key=key, provider="main")
    world.ledger.append([Append(job_id, 1, [start], cause())])
    early = [receipt(status=status, idempotency_key=key, **named)] * 2
    taken = world.take("main", early)
    assert (taken.recorded, taken.waiting) == ((1, 0) if named else (0, 1))
    world.ask_a_person(job_id)
    assert world.later() == taken.waiting
    job = world.job(job_id)
    ended = (JobStatus.DELIVERED, "") if status is DELIVERED else (JobStatus.ESCALATED, "not_delivered")
    assert (job.status, job.stage, world.said(job_id)) == (ended[0], "confirm", [status])
    assert status is DELIVERED or job.escalated_for == ended[1]
    assert job.outputs["dispatch"] == {"provider": "main", "settled_by": "receipt:main", **named}
    assert world.take("main", early).repeated == 2
    assert sums(world).waiting == 0


def test_a_message_that_nobody_sent_is_never_forgotten():
    world = World()
    world.take("main", [receipt("m-stranger"), receipt(idempotency_key=f"dispatch.{new_id()}")])
    for seconds in (1, 60, 3_600, 86_400, 8_640_000):
        assert world.later(seconds) == 0
    assert len(world.sheet.waiting(10)) == 2
    assert sums(world).waiting == 2


def test_delivered_is_recorded_before_failed_where_both_come_at_once():
    world = World()
    job_id = world.open()
    world.send(job_id, "m-1")
    taken = world.take("main", [receipt("m-1", FAILED), receipt("m-1", PENDING), receipt("m-1")])
    assert (taken.recorded, taken.pending) == (2, 1)
    assert world.said(job_id) == [DELIVERED, FAILED]
    assert sums(world).contradicting == 1


def test_nothing_is_counted_where_the_ledger_does_not_answer(monkeypatch):
    world = World()
    world.send(world.open(), "m-1")

    def unavailable(*_):
        raise LedgerUnavailable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(world.ledger, "append", unavailable)
        with pytest.raises(LedgerUnavailable):
            world.take("main", [receipt("m-1")])
    assert world.sheet.totals() == []
    assert world.take("main", [receipt("m-1")]).recorded == 1


@pytest.mark.parametrize(
    "key", ["", "dispatch", "dispatch.", "dispatch.7", "dispatch.7A4D3F2B-8C1E-8E5F-9B6A-0C1D2E3F4A5B"]
)
def test_a_key_that_is_none_of_ours_names_no_job(key):
    assert job_of_key(key) == ""


def test_a_key_of_ours_names_its_job():
    job_id = new_id()
    assert job_of_key(idempotency_key(job_id, "dispatch")) == job_id


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([DELIVERED, FAILED, PENDING])), max_size=30),
    st.lists(st.integers(0, 40), min_size=6, max_size=6),
    st.integers(1, 5),
)
def test_in_whatever_order_and_company_they_come_nothing_is_lost_or_doubled(said, sent_at, at_once):
    """Six messages, some of which are sent only while their receipts come in; `at_once` receipts in each request."""
    world = World()
    jobs = [world.open() for _ in sent_at]
    for step in range(42):
        for number, job_id in enumerate(jobs):
            if sent_at[number] == step:
                world.send(job_id, f"m-{number}")
        batch = said[step * at_once : (step + 1) * at_once]
        if batch:
            world.take("main", [receipt(f"m-{number}", status) for number, status in batch])
        world.later()
    for _ in range(3):
        world.later(700)
    for number, job_id in enumerate(jobs):
        statuses = {status for which, status in said if which == number and status is not PENDING}
        assert Counter(world.said(job_id)) == Counter(statuses), "each thing once"
        wanted = (
            JobStatus.DELIVERED if DELIVERED in statuses else JobStatus.ESCALATED if statuses else JobStatus.RUNNING
        )
        assert world.job(job_id).status is wanted
        ends = [event for event in world.ledger.load(job_id).events if isinstance(event, JobDelivered)]
        assert len(ends) == (wanted is JobStatus.DELIVERED)
    if said:
        assert (sums(world).received, sums(world).waiting) == (len(said), 0)
