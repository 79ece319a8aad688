"""Endpoints over HTTP: registered, changed, tested, replayed, and their log of attempts."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from http_door import Door, assert_problem, open_door
from standardwebhooks import Webhook

from receiver import receiver

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(module_database_url, tmp_path_factory) -> AsyncIterator[Door]:
    async with open_door(
        module_database_url, tmp_path_factory.mktemp("endpoints"), endpoint_private_hosts="127.0.0.1"
    ) as opened:
        yield opened


async def test_the_life_of_an_endpoint(door: Door):
    post = door.client.post
    with receiver() as hooks:
        body = {"name": "crm", "url": hooks.url, "types": ["job.delivered"]}
        added = await post("/v1/endpoints", json=body)
        assert (added.status_code, added.headers["location"]) == (201, "/v1/endpoints/crm")
        secret = added.json()["secret"]
        again = await post("/v1/endpoints", json=body)
        assert (again.status_code, again.json()["secret"]) == (200, "")
        assert_problem(await post("/v1/endpoints", json=body | {"types": ["*"]}), 409, "endpoint_exists")

        changed = await door.client.patch("/v1/endpoints/crm", json={"types": ["*"]})
        assert (changed.json()["types"], changed.json()["url"]) == (["*"], hooks.url)
        listed = (await door.client.get("/v1/endpoints")).json()["items"]
        assert [each["name"] for each in listed] == ["crm"]
        assert "whsec_" not in (await door.client.get("/v1/endpoints/crm")).text

        tests = [await post("/v1/endpoints/crm/test") for _ in range(3)]
        assert [(each.status_code, each.json()["http_status"]) for each in tests] == [(200, 204)] * 3
        Webhook(secret).verify(hooks.received[0].body, hooks.received[0].headers)
        page = (await door.client.get("/v1/endpoints/crm/deliveries?limit=2")).json()
        rest = (await door.client.get(f"/v1/endpoints/crm/deliveries?limit=2&cursor={page['next']}")).json()
        assert [each["message_id"] for each in [*page["items"], *rest["items"]]] == hooks.ids()[::-1]
        assert rest["next"] == ""

        rotated = await post("/v1/endpoints/crm/rotate-secret", json={"overlap_hours": 1})
        assert rotated.json()["secret"] not in ("", secret)
        assert (await post("/v1/endpoints/crm/disable", json={"reason": "moving"})).json()["status"] == "disabled"
        assert (await post("/v1/endpoints/crm/enable")).json()["status"] == "active"
        replayed = await post("/v1/endpoints/crm/replay", json={"since": "2026-01-01T00:00:00Z"})
        assert replayed.status_code == 202
        assert (await door.client.delete("/v1/endpoints/crm")).status_code == 204
    assert_problem(await door.client.get("/v1/endpoints/crm"), 404, "endpoint_unknown")
    assert (await door.client.get("/v1/endpoints")).json()["items"] == []
    names = await asyncio.to_thread(lambda: [type(each.event).__name__ for each in door.app.ledger.read(0, 100)])
    assert names == [
        "EndpointRegistered",
        "EndpointChanged",
        "EndpointSecretRotated",
        "EndpointDisabled",
        "EndpointEnabled",
        "EndpointReplayRequested",
        "EndpointRemoved",
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "CRM", "url": "https://example.com"}, 422, "endpoint_name_invalid"),
        ({"name": "crm", "url": "https://10.0.0.1/"}, 422, "endpoint_url_invalid"),
        ({"name": "crm", "url": "http://example.com/"}, 422, "endpoint_url_invalid"),
        ({"name": "crm", "url": "https://example.com/", "types": ["nonsense"]}, 422, "endpoint_filter_invalid"),
        ({"name": "crm"}, 400, "request_invalid"),
    ],
)
async def test_bad_input_is_refused(door: Door, body: dict, status: int, code: str):
    assert_problem(await door.client.post("/v1/endpoints", json=body), status, code)
