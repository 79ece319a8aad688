"""Whoever sends sees an endpoint as it is, also while nobody follows the ledger, and loads only what has changed."""

import asyncio
from collections.abc import Sequence

import pytest
from endpoint_world import World, register

from dispatch.application.ports.ledger import History
from dispatch.application.webhooks.desk import EndpointChanges
from dispatch.application.webhooks.endpoints import EndpointsNow
from dispatch.domain import identity
from dispatch.domain.endpoint.state import EndpointStatus
from dispatch.entrypoints.webhooks import open_webhooks
from receiver import Receiver

pytestmark = pytest.mark.postgres
CRM = identity.endpoint_id("crm")


@pytest.fixture
def endpoints(world: World) -> EndpointsNow:
    return EndpointsNow(world.app.ledger, world.desk.queue)


def test_what_the_desk_does_is_seen_at_the_next_look(world: World, hooks: Receiver, endpoints: EndpointsNow):
    assert endpoints[CRM].status is not EndpointStatus.ACTIVE, "nobody knows it yet"
    register(world, hooks)
    endpoints.look()
    assert endpoints[CRM].status is EndpointStatus.ACTIVE
    world.desk.change("crm", EndpointChanges(url=f"{hooks.url}/elsewhere"), "ann")
    endpoints.look()
    assert endpoints[CRM].url == f"{hooks.url}/elsewhere"
    world.desk.rotate("crm", "ann")
    endpoints.look()
    assert len(endpoints[CRM].secret_ids(world.clock())) == 2
    for act, status in (
        (world.desk.disable, EndpointStatus.DISABLED),
        (world.desk.enable, EndpointStatus.ACTIVE),
        (world.desk.remove, EndpointStatus.REMOVED),
    ):
        act("crm", "ann")
        endpoints.look()
        assert endpoints[CRM].status is status


async def test_one_that_was_disabled_over_an_answer_is_seen_before_that_is_followed(
    world: World, hooks: Receiver, endpoints: EndpointsNow
):
    register(world, hooks)
    hooks.answer = lambda _: (410, {}, b"")
    world.open_jobs()
    await asyncio.to_thread(world.followed)
    await asyncio.to_thread(endpoints.look)
    async with open_webhooks(world.desk) as webhooks:
        await webhooks.deliver(CRM, lambda: endpoints[CRM])
    await asyncio.to_thread(endpoints.look)
    assert endpoints[CRM].disabled_reason == "gone"


def test_only_what_has_changed_is_loaded(world: World, hooks: Receiver, endpoints: EndpointsNow, monkeypatch):
    for name in ("crm", "erp"):
        register(world, hooks, name)
    world.followed()
    loaded: list[str] = []
    load_many = world.app.ledger.load_many

    def counted(streams: Sequence[str]) -> dict[str, History]:
        loaded.extend(streams)
        return load_many(streams)

    monkeypatch.setattr(world.app.ledger, "load_many", counted)
    endpoints.look()
    assert sorted(loaded) == sorted([CRM, identity.endpoint_id("erp")])
    endpoints.look()
    world.open_jobs(3)
    world.followed()
    endpoints.look()
    assert len(loaded) == 2
    world.desk.disable("crm", "ann")
    loaded.clear()  # The desk itself has loaded it.
    endpoints.look()
    assert loaded == [CRM]
    assert [endpoint.name for _, endpoint in sorted(endpoints.items(), key=lambda each: each[1].name)] == ["crm", "erp"]
