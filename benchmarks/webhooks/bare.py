"""The limit and the peer: clients that encode, sign and post, 100 at once, and record nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import uvloop
from pyreqwest.client import ClientBuilder

from benchmarks.contest import Stopwatch, Timed
from benchmarks.jobs import opened
from dispatch.application.public_events import public_data
from dispatch.application.webhooks.signing import signed_headers

AT_ONCE = 100
SECRET = b"0123456789abcdef0123456789abcdef"
Post = Callable[[bytes, dict[str, str]], Awaitable[int]]


def run_pyreqwest(url: str, count: int) -> Timed:
    """The client that dispatch uses, alone."""
    return uvloop.run(_run_pyreqwest(url, count))


def run_aiohttp(url: str, count: int) -> Timed:
    """The client that most would take."""
    return uvloop.run(_run_aiohttp(url, count))


async def _run_pyreqwest(url: str, count: int) -> Timed:
    client = ClientBuilder().max_connections(AT_ONCE).pool_max_idle_per_host(AT_ONCE).no_proxy().build()

    async def post(body: bytes, headers: dict[str, str]) -> int:
        response = await client.post(url).headers(headers).body_bytes(body).build().send()
        return response.status

    async with client:
        return await _post_all(post, count)


async def _run_aiohttp(url: str, count: int) -> Timed:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

        async def post(body: bytes, headers: dict[str, str]) -> int:
            async with session.post(url, data=body, headers=headers) as response:
                await response.read()
                return response.status

        return await _post_all(post, count)


async def _post_all(post: Post, count: int) -> Timed:
    contents = [{"type": "job.opened", "timestamp": job.at, "data": public_data(job)} for job in opened(count)]
    numbered = iter(enumerate(contents))
    encode = msgspec.json.Encoder().encode
    answered = 0

    async def lane() -> None:
        nonlocal answered
        for number, content in numbered:
            body = encode(content)
            headers = signed_headers(f"msg_{number:024d}", datetime.now(UTC), body, [SECRET])
            status = await post(body, {**headers, "Content-Type": "application/json"})
            assert status == 204, status
            answered += 1

    with Stopwatch() as watch:
        await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
    assert answered == count
    return Timed(count, watch.seconds)
