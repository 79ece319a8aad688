"""What endpoints are to be told: taken from the ledger in order, kept until it is delivered, never skipped."""

import asyncio
from datetime import timedelta

import pytest
from endpoint_world import World, register

from dispatch.application.ports.webhooks import Overtaken
from dispatch.application.webhooks.desk import EndpointChanges
from dispatch.application.webhooks.follow import NOTE_EVERY, FollowLedger
from dispatch.domain import identity
from dispatch.domain.endpoint.schedule import SCHEDULE_S
from receiver import Receiver

pytestmark = pytest.mark.postgres


async def test_a_restart_goes_on_where_the_queue_says(world: World, hooks: Receiver):
    register(world, hooks)
    world.open_jobs()
    await asyncio.to_thread(world.followed)
    again = World(world.app)
    again.open_jobs()
    await again.delivered()
    assert len(hooks.received) == len(set(hooks.ids())) == 2


async def test_what_nobody_is_told_of_moves_the_cursor_now_and_then_and_nothing_is_skipped_by_a_restart(
    world: World, hooks: Receiver
):
    register(world, hooks, types=("batch.*",))
    await asyncio.to_thread(world.followed)
    noted = world.desk.queue.position()
    world.open_jobs(3)
    await asyncio.to_thread(world.followed)
    assert world.desk.queue.position() == noted, "not at every step"
    world.desk.change("crm", EndpointChanges(types=("job.*",)), "ann")
    world.open_jobs(1)
    again = World(world.app)  # It knows only what the queue says.
    await again.delivered()
    assert len(hooks.received) == 1, "the three came before the endpoint asked for them"
    world.desk.change("crm", EndpointChanges(types=("batch.*",)), "ann")
    await asyncio.to_thread(again.followed)
    again.open_jobs(3)
    again.ahead = NOTE_EVERY
    await asyncio.to_thread(again.followed)
    assert again.desk.queue.position() == again.app.ledger.head()
    await again.delivered()
    assert len(hooks.received) == 1


async def test_filters_count_from_their_own_place_in_the_ledger_within_one_step(world: World, hooks: Receiver):
    register(world, hooks, types=("batch.*",))
    world.open_jobs(1)
    world.desk.change("crm", EndpointChanges(types=("job.opened",)), "ann")
    world.open_jobs(2)
    world.desk.disable("crm", "ann")
    world.open_jobs(4)
    world.desk.enable("crm", "ann")
    world.open_jobs(1)
    assert world.follow.step() == world.app.ledger.head()
    await world.delivered()
    assert len(hooks.received) == 3


async def test_what_is_delivered_leaves_the_queue_and_what_is_not_stays(world: World, hooks: Receiver):
    register(world, hooks)
    hooks.answer = lambda got: (200 if got.headers["webhook-id"] == hooks.ids()[0] else 500, {}, b"")
    world.open_jobs(2)
    await world.delivered()
    [left] = world.desk.queue.due(identity.endpoint_id("crm"), world.clock() + timedelta(days=1), None, 10)
    assert (left.attempts, left.message_id) != (0, hooks.ids()[0])
    assert left.first_at is not None
    assert left.due_at - left.first_at == timedelta(seconds=SCHEDULE_S[1])
    assert len(world.desk.deliveries("crm")) == 2


def test_one_of_two_followers_is_told_that_it_was_overtaken(world: World, hooks: Receiver):
    register(world, hooks)
    other = FollowLedger(world.app.ledger, world.desk.queue, world.clock)
    other.load()
    world.open_jobs()
    world.follow.step()
    with pytest.raises(Overtaken):
        other.step()
    assert other.step() == 0


async def test_old_attempts_are_removed_and_what_is_due_stays(world: World, hooks: Receiver):
    register(world, hooks)
    hooks.answer = lambda got: (200 if got.headers["webhook-id"] == hooks.ids()[0] else 500, {}, b"")
    world.open_jobs(2)
    await world.delivered()
    assert world.desk.queue.forget(world.clock() + timedelta(seconds=1)) == 2
    world.ahead = timedelta(minutes=1)
    hooks.answer = lambda _: (200, {}, b"")
    await world.delivered()
    assert len(hooks.received) == 3
