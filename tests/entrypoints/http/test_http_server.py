"""The server's own life: it starts on a free port, drains in time, and says why it cannot listen."""

import asyncio
import socket
import time
from pathlib import Path

import httpx
import pytest
from http_door import Door, as_csv, assert_problem, open_door, rows

from dispatch.entrypoints.bootstrap import open_app
from dispatch.entrypoints.http.server import CannotListen, serve
from dispatch.entrypoints.settings import Settings

pytestmark = pytest.mark.postgres


@pytest.mark.acceptance("4.17", part="streams end")
async def test_a_live_stream_ends_with_bye_and_the_server_stops_at_once(database_url: str, tmp_path: Path):
    async with open_door(database_url, tmp_path) as door, door.client.stream("GET", "/live") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == ": welcome"
        began = time.monotonic()
        door.stop.set()
        rest = [line async for line in lines]
        assert "event: bye" in rest
        await door.serving
        assert time.monotonic() - began < 10, "not only when the grace is over"


@pytest.mark.acceptance("4.17", part="requests are finished")
async def test_an_upload_under_way_is_finished_while_the_server_drains(database_url: str, tmp_path: Path):
    async with open_door(database_url, tmp_path) as door:
        content, half_sent, go_on = as_csv(rows(2_000)), asyncio.Event(), asyncio.Event()

        async def pieces():
            yield content[:1000]
            half_sent.set()
            await go_on.wait()
            yield content[1000:]

        sending = asyncio.create_task(
            door.client.post("/v1/batches", content=pieces(), headers={"Content-Type": "text/csv"})
        )
        await half_sent.wait()
        async with asyncio.timeout(30):
            while not list((tmp_path / "files" / "uploads").iterdir()):
                await door.client.get("/livez")
        door.stop.set()
        async with asyncio.timeout(30):
            while await _answers(door):
                pass
        go_on.set()
        assert (await sending).status_code == 202
        await door.serving


async def _answers(door: Door) -> bool:
    try:
        async with httpx.AsyncClient(base_url=door.url, trust_env=False) as other:
            await other.get("/livez")
    except httpx.TransportError:
        return False
    return True


async def test_a_client_that_hangs_is_cut_off_when_the_grace_is_over(database_url: str, tmp_path: Path):
    app = await asyncio.to_thread(
        open_app, Settings(database_url=database_url, data=tmp_path, http_port=0, shutdown_grace_s=3.0)
    )
    try:
        await asyncio.to_thread(app.migrate)
        stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(app, stop=stop, nats_check=None, on_started=started.set_result))
        host, port = (await started).removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 99\r\n\r\nref")
        await writer.drain()
        async with asyncio.timeout(30):
            while not list((tmp_path / "files" / "uploads").iterdir()):
                await asyncio.to_thread(app.queries.positions)
        began = time.monotonic()
        stop.set()
        await serving
        assert time.monotonic() - began < 3.0
        writer.close()
        assert list((tmp_path / "files" / "uploads").iterdir()) == []
    finally:
        await asyncio.to_thread(app.close)


async def test_readiness_turns_red_while_draining(database_url: str, tmp_path: Path):
    from litestar.testing import AsyncTestClient

    from dispatch.entrypoints.http.app import create_http

    app = await asyncio.to_thread(open_app, Settings(database_url=database_url, data=tmp_path))
    try:
        await asyncio.to_thread(app.migrate)
        draining = asyncio.Event()
        async with AsyncTestClient(create_http(app, draining=draining)) as client:
            assert (await client.get("/readyz")).status_code == 200
            draining.set()
            assert_problem(await client.get("/readyz"), 503, "shutting_down")
    finally:
        await asyncio.to_thread(app.close)


async def test_a_port_that_is_taken_is_said_with_the_way_out(empty_url: str, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        app = await asyncio.to_thread(open_app, Settings(database_url=empty_url, data=tmp_path, http_port=port))
        try:
            with pytest.raises(CannotListen, match=rf"port {port} \(Address already in use\).*DISPATCH_HTTP_PORT"):
                await serve(app, stop=asyncio.Event(), nats_check=None, on_started=print)
        finally:
            await asyncio.to_thread(app.close)
