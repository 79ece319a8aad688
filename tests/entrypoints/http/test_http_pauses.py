"""Pausing over HTTP."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from http_door import Door, assert_problem, open_door

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(module_database_url, tmp_path_factory) -> AsyncIterator[Door]:
    async with open_door(module_database_url, tmp_path_factory.mktemp("pauses")) as opened:
        yield opened


async def test_a_stage_is_paused_listed_and_resumed(door: Door):
    body = {"scope": "stage", "name": "verify", "reason": "theirs", "until": "2999-01-01T00:00:00Z"}
    first = await door.client.post("/v1/pauses", json=body)
    assert (first.status_code, first.json()) == (201, {"key": "stage:verify", "recorded": True})
    assert (await door.client.post("/v1/pauses", json=body)).status_code == 200
    await door.project()
    [row] = (await door.client.get("/v1/pauses")).json()["items"]
    assert (row["key"], row["by"], row["reason"]) == ("stage:verify", "api", "theirs")
    assert (await door.client.delete("/v1/pauses/stage:verify")).status_code == 204
    await door.project()
    assert (await door.client.get("/v1/pauses")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"scope": "stage", "name": "nowhere"}, "pause_target_unknown"),
        ({"scope": "intake", "name": "x"}, "pause_target_invalid"),
        ({"scope": "everything", "until": "2020-01-01T00:00:00Z"}, "pause_ends_in_the_past"),
    ],
)
async def test_what_cannot_be_paused_is_a_problem(door: Door, body: dict, code: str):
    assert_problem(await door.client.post("/v1/pauses", json=body), 422, code)


async def test_a_key_of_no_kind_is_not_found(door: Door):
    assert_problem(await door.client.delete("/v1/pauses/weather:rain"), 404, "not_found")
