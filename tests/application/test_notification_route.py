"""The route of notifications: past the gate, sent as it came to the address of its channel, and to its receipt."""

import os
from datetime import timedelta

import pytest
from msgspec.structs import replace
from test_work import World

from dispatch.application.notifications.opening import OpenNotifications
from dispatch.application.notifications.requests import NotificationRequest
from dispatch.application.ports.providers import Channel, ProviderUnavailable
from dispatch.application.routes.notification import ROUTE
from dispatch.application.stages import find_stages
from dispatch.domain.consent import Basis, Permission
from dispatch.domain.job.decide import decider
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.state import JobStatus
from dispatch.domain.notification import Purpose
from dispatch.domain.person import Person

ANN = Person(name="Ann", phone="+447700900123", email="ann@example.org", device="tok", subject="Hi", content="At ten.")
ASKED = NotificationRequest(
    channel=Channel.SMS, person=ANN, purpose=Purpose.SERVICE, permission=Permission(basis=Basis.CONTRACT)
)


def take(world, request):
    [taken] = OpenNotifications(world.ledger, world.persons, world.clock, os.urandom)([request], "ann")
    return taken.notification_id


async def run_all(world, job_id):
    while world.job(job_id).status is JobStatus.RUNNING:
        await world.run(world.job(job_id).stage, [job_id])
    return world.job(job_id)


def test_its_stages_are_there():
    assert [name for name in find_stages() if name in ROUTE] == list(ROUTE)


@pytest.mark.parametrize(("channel", "to"), [("sms", ANN.phone), ("push", ANN.device), ("email", ANN.email)])
async def test_it_is_sent_as_it_came_to_the_address_of_its_channel(channel, to):
    world = World()
    job_id = take(world, replace(ASKED, channel=Channel(channel)))
    job = await run_all(world, job_id)
    assert job.status is JobStatus.DELIVERED
    [message] = world.providers.notifier.sent.values()
    assert (message.channel.value, message.to, message.template) == (channel, to, "notification.v1")
    assert message.variables == {"name": "Ann", "subject": "Hi", "content": "At ten."}
    assert job.outputs["dispatch"]["channel"] == channel


@pytest.mark.acceptance("PE10", part="the gate stands before every notification")
@pytest.mark.parametrize(
    ("permission", "rule"),
    [
        (Permission(basis=Basis.CONTRACT, objected=True), "objected"),
        (Permission(basis=Basis.CONSENT), "consent_without_evidence"),
        (Permission(basis=Basis.SOFT_OPT_IN), "soft_opt_in_without_sale"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_without_a_ground_nothing_is_sent(permission, rule):
    world = World()
    job_id = take(world, replace(ASKED, permission=permission))
    job = await run_all(world, job_id)
    assert job.status is JobStatus.BLOCKED
    assert world.ledger.load(job_id).events[-1].reason == rule
    assert not world.providers.notifier.sent


@pytest.mark.acceptance("S.05", part="nothing is done before scheduledAt")
async def test_nothing_is_done_before_its_time():
    world = World()
    due = world.clock.now + timedelta(hours=1)
    job_id = take(world, replace(ASKED, scheduled_at=due))
    assert await world.run("clear", [job_id]) == 0
    world.clock.now = due
    assert await world.run("clear", [job_id]) == 1
    assert (await run_all(world, job_id)).status is JobStatus.DELIVERED


async def test_the_priority_goes_with_the_work_from_stage_to_stage():
    world = World()
    job_id = take(world, replace(ASKED, priority=JobPriority.LOW))
    world.providers.notifier.answers[f"dispatch.{job_id}"] = ProviderUnavailable("timeout")
    await run_all(world, job_id)
    world.providers.notifier.answers.clear()
    world.clock.now += timedelta(minutes=1)
    await world.run("dispatch", [job_id])
    await run_all(world, job_id)
    events = world.ledger.load(job_id).events
    assert decider.fold(events).status is JobStatus.DELIVERED
    said = {event.priority for event in events if hasattr(event, "priority")}
    assert said == {JobPriority.LOW}
