"""Sources over HTTP, and webhooks that are sources."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from secrets import token_bytes

import httpx
import pytest
import pytest_asyncio
from http_door import Door, assert_problem, open_door, rows

from dispatch.domain.events import event_name
from dispatch.domain.identity import source_id

pytestmark = pytest.mark.postgres
KEY = token_bytes(32)
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


def sign(message_id: str, at: int, body: bytes) -> str:
    signed = f"{message_id}.{at}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(module_database_url, tmp_path_factory) -> AsyncIterator[Door]:
    data = tmp_path_factory.mktemp("sources")
    (data / "in").mkdir()
    settings = {"webhook_senders": f"shop service-job {SECRET}", "source_folders": str(data / "in")}
    async with open_door(module_database_url, data, **settings) as opened:
        yield opened


async def add(door: Door, name: str, **changed: object) -> httpx.Response:
    body = {"name": name, "kind": "folder", "location": str(door.app.settings.data / "in")} | changed
    return await door.client.post("/v1/sources", json=body)


async def test_a_source_is_added_shown_checked_paused_resumed_and_removed(door: Door):
    added = await add(door, "letters", every_s=30)
    assert (added.status_code, added.headers["location"]) == (201, "/v1/sources/letters")
    assert (added.json()["status"], added.json()["every_s"], added.json()["outcome"]) == ("active", 30, None)
    assert (await add(door, "letters", every_s=30)).status_code == 200
    assert_problem(await add(door, "letters", every_s=31), 409, "source_exists")

    row = door.app.look_at_source.sources
    await door.project()
    [source] = await asyncio.to_thread(row)
    await asyncio.to_thread(door.app.look_at_source, source)
    assert await asyncio.to_thread(door.app.look_at_source.due) == []
    checked = await door.client.post("/v1/sources/letters/check")
    assert (checked.status_code, checked.json()["outcome"]) == (202, "nothing")
    assert [due.name for due in await asyncio.to_thread(door.app.look_at_source.due)] == ["letters"]

    paused = await door.client.post("/v1/sources/letters/pause", json={"reason": "quiet"})
    assert (paused.status_code, paused.json()["status"]) == (202, "paused")
    assert_problem(await door.client.post("/v1/sources/letters/check"), 409, "source_paused")
    assert (await door.client.post("/v1/sources/letters/resume")).json()["status"] == "active"
    await door.project()
    assert [item["name"] for item in (await door.client.get("/v1/sources")).json()["items"]] == ["letters"]
    assert (await door.client.delete("/v1/sources/letters")).status_code == 204
    assert_problem(await door.client.get("/v1/sources/letters"), 404, "source_unknown")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"location": "/etc"}, 422, "source_location_invalid"),
        ({"name": "Big"}, 422, "source_name_invalid"),
        ({"every_s": 0}, 422, "source_interval_invalid"),
        ({"error_threshold_percent": 101}, 422, "error_threshold_out_of_range"),
        ({"profile": "spaceship"}, 422, "profile_unknown"),
        ({"kind": "pigeon"}, 400, "request_invalid"),
    ],
)
async def test_what_can_be_no_source_is_refused(door: Door, changed: dict, status: int, code: str):
    before = door.app.ledger.head()
    assert_problem(await add(door, str(changed.pop("name", "x")), **changed), status, code)
    assert door.app.ledger.head() == before


async def test_a_webhook_that_is_a_source_tells_what_came_and_can_be_paused(door: Door):
    async def send(message_id: str) -> httpx.Response:
        body, at = json.dumps(rows(4, prefix=message_id.upper().replace("_", "-"))).encode(), int(time.time())
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(message_id, at, body),
            "content-type": "application/json",
        }
        return await door.client.post("/v1/intake/shop", content=body, headers=headers)

    before = await send("msg_before")
    assert before.status_code == 202
    added = await add(door, "shop", kind="webhook", location="")
    assert added.status_code == 201
    taken = await send("msg_after")
    statuses = [await asyncio.to_thread(door.app.admit, answer.json()["batch_id"]) for answer in (before, taken)]
    assert statuses == ["processing", "processing"]
    events = door.app.ledger.load(source_id("shop")).events
    assert [event_name(event) for event in events] == ["SourceAdded", "SourceChecked"]
    await door.client.post("/v1/sources/shop/pause")
    assert_problem(await send("msg_paused"), 409, "source_paused")
    await door.client.post("/v1/sources/shop/resume")
    assert (await send("msg_paused")).status_code == 202
