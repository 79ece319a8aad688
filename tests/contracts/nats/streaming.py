"""Looking into the work stream, and waiting for what is to come about."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from nats.aio.client import Client
from nats.js import JetStreamContext

from dispatch.adapters.nats.streams import WORK_STREAM, work_subject

T = TypeVar("T")
WITHIN_S = 30.0


async def until(asked: Callable[[], T | Awaitable[T]], within_s: float = WITHIN_S) -> T:
    """Ask until the answer is true; answers it."""
    async with asyncio.timeout(within_s):
        while True:
            answer = asked()
            if isinstance(answer, Awaitable):
                answer = await answer
            if answer:
                return answer
            await asyncio.sleep(0.01)


async def flushed(client: Client) -> None:
    """Return when the server has all that the client said: what it publishes, what it subscribed to.

    One flush does not tell: nats-py writes its PING to the socket at once, past the SUB that waits for the flusher.
    """
    for _ in range(2):
        await client.flush()


async def chunks(js: JetStreamContext) -> list[tuple[str, list[str]]]:
    """What stands in the stream: (queue, streams) of each message, in order."""
    state = (await js.stream_info(WORK_STREAM)).state
    found = []
    if state.messages:
        for number in range(state.first_seq, state.last_seq + 1):
            message = await js.get_msg(WORK_STREAM, number)
            found.append((message.subject.removeprefix("dispatch.work."), msgspec.json.decode(message.data)))
    return found


async def asked_for(js: JetStreamContext, queue: str) -> set[str]:
    """Every stream that some message of this queue names."""
    return {stream for at, streams in await chunks(js) for stream in streams if at == queue}


async def offer(js: JetStreamContext, queue: str, *streams: str) -> None:
    """Publish one chunk of work."""
    await js.publish(work_subject(queue), msgspec.json.encode(streams))


@asynccontextmanager
async def running(make: Callable[[asyncio.Event], Awaitable[None]]):
    """Something that runs until its event is set: at the end of the block, at the latest, and then it ends in time."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(make(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, WITHIN_S)
