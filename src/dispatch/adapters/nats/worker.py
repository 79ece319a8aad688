"""Pulls chunks of work from JetStream, runs them, acknowledges after the outcome is in the ledger."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from dispatch.adapters.nats.streams import (
    WORK_STREAM,
    consumer_name,
    ensure_consumer,
    ensure_work_stream,
)
from dispatch.adapters.nats.turns import Turns
from dispatch.application.given_back import GivenBack
from dispatch.application.react import queue_of
from dispatch.domain.job.priority import JobPriority

log = structlog.get_logger(__name__)

Run = Callable[[str, Sequence[str]], Awaitable[object]]
"""Runs the work of a stage for these streams. Must be safe to repeat; raises when it must be done again."""

Closed = Callable[[str], Awaitable[str]]
"""Why nothing of a queue is to be taken up at present; empty when it may be."""

STREAMS_PER_RUN = 500
MESSAGES_PER_FETCH_MAX = 20
FETCH_WAIT_S = 5.0
MORE_WITHIN_S = 0.003
"""Where others were quicker the server keeps the request for so long, and what is in hand waits."""
PAUSE_AFTER_ACCIDENT_S = 0.5
REDELIVER_FIRST_S, REDELIVER_MAX_S = 1.0, 30.0
CLOSED_LOOK_AGAIN_S = 0.5

_STREAMS = msgspec.json.Decoder(tuple[str, ...])


class Queue(NamedTuple):
    """The work of one priority at a stage, and the turns that it takes with the others of the stage."""

    stage: str
    priority: JobPriority
    turns: Turns

    @property
    def name(self) -> str:
        return queue_of(self.stage, self.priority)


class Worker:
    """Works at some stages until `stop` is set, then finishes what it has in hand.

    Each priority of a stage is a queue with lanes of its own, so that what is urgent is fetched however much else
    waits; which of the fetched chunks is run next, `Turns` says.
    """

    def __init__(
        self,
        client: Client,
        run: Run,
        *,
        ack_wait_s: float,
        lanes: int = 2,
        streams_per_run: int = STREAMS_PER_RUN,
        closed: Closed | None = None,
    ) -> None:
        self._js: JetStreamContext = client.jetstream(timeout=5)
        self._run, self._ack_wait_s, self._lanes = run, ack_wait_s, lanes
        self._streams_per_run, self._closed = streams_per_run, closed
        self._appetite: dict[str, int] = {}  # Messages per fetch: many small ones are run as one chunk.
        self.in_flight = 0

    async def work(self, stages: Sequence[str], stop: asyncio.Event) -> None:
        """Run all lanes of all stages; returns when `stop` is set and every lane has finished its work in hand."""
        async with asyncio.TaskGroup() as lanes:  # A bug in one of them stops all: none works on unseen.
            for stage in stages:
                turns = Turns(self._lanes)
                for priority in JobPriority:
                    for _ in range(1 if priority is JobPriority.LOW else self._lanes):
                        lanes.create_task(self._lane(Queue(stage, priority, turns), stop))

    async def _lane(self, at: Queue, stop: asyncio.Event) -> None:
        queue = at.name
        while not stop.is_set():
            try:
                await ensure_work_stream(self._js)
                await ensure_consumer(self._js, queue, ack_wait_s=self._ack_wait_s, in_flight_max=1_000)
                subscription = await self._js.pull_subscribe_bind(
                    durable=consumer_name(queue), stream=WORK_STREAM, pending_bytes_limit=-1
                )
                try:
                    while not stop.is_set():
                        if await self._wait_while_closed(at.stage, stop):
                            await self._next(subscription, at, stop)
                finally:
                    await subscription.unsubscribe()
            except (NatsError, OSError, TimeoutError) as accident:
                log.warning("worker.interrupted", queue=queue, accident=type(accident).__name__)
                await _pause(stop, PAUSE_AFTER_ACCIDENT_S)

    async def _wait_while_closed(self, stage: str, stop: asyncio.Event) -> bool:
        """Leave the work where it is while its queue is closed; says whether it is open, or False at the stop."""
        said = ""
        while not stop.is_set():
            why = await self._closed(stage) if self._closed else ""
            if not why:
                if said:
                    log.info("worker.opened", queue=stage)
                return True
            if why != said:
                log.warning("worker.closed", queue=stage, why=why)
                said = why
            await _pause(stop, CLOSED_LOOK_AGAIN_S)
        return False

    async def _next(self, subscription: JetStreamContext.PullSubscription, at: Queue, stop: asyncio.Event) -> None:
        fetching = asyncio.ensure_future(self._fetch(subscription, at.name))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not fetching.done():
            fetching.cancel()  # What was delivered meanwhile comes again after its ack wait.
            return
        try:
            messages = fetching.result()
        except TimeoutError:
            return  # Nothing to do at the moment.
        await self._carry_out(at, messages)

    async def _fetch(self, subscription: JetStreamContext.PullSubscription, queue: str) -> list[Msg]:
        """The next message, and some of those that wait behind it.

        Not in one call: where fewer come than were asked for, the client holds them back until its time is over.
        """
        messages = await subscription.fetch(1, timeout=FETCH_WAIT_S)
        more = min(self._appetite.get(queue, 1) - 1, messages[0].metadata.num_pending)
        if more > 0:
            try:
                messages += await subscription.fetch(more, timeout=MORE_WITHIN_S)
            except TimeoutError:
                return messages  # Others were quicker.
            except asyncio.CancelledError:
                await messages[0].nak()
                raise
        return messages

    async def _carry_out(self, at: Queue, messages: list[Msg]) -> None:
        queue = at.name
        contents = [(message, await _read(message, queue)) for message in messages]
        messages = [message for message, content in contents if content is not None]
        streams = list(dict.fromkeys(stream for _, content in contents for stream in content or ()))
        if not messages:
            return
        fitting = self._streams_per_run * len(messages) // max(1, len(streams))
        self._appetite[queue] = max(1, min(fitting, MESSAGES_PER_FETCH_MAX))
        pulse = asyncio.ensure_future(self._keep_alive(messages))
        self.in_flight += len(streams)
        try:
            async with at.turns.take(at.priority):
                await self._run(at.stage, streams)
        except GivenBack:
            await asyncio.gather(*(message.nak() for message in messages))
        except Exception:
            log.exception("worker.failed", queue=queue, streams=len(streams))
            await asyncio.gather(*(message.nak(delay=_pause_after(message)) for message in messages))
        else:
            await asyncio.gather(*(message.ack() for message in messages))
        finally:
            self.in_flight -= len(streams)
            pulse.cancel()

    async def _keep_alive(self, messages: Sequence[Msg]) -> None:
        """Tell JetStream that we are at it, so that nobody else gets the work while we live."""
        while True:
            await asyncio.sleep(self._ack_wait_s / 3)
            try:
                for message in messages:
                    await message.in_progress()
            except NatsError as accident:  # The connection may come back while the work goes on.
                log.warning("worker.silent", accident=type(accident).__name__)


async def _read(message: Msg, queue: str) -> tuple[str, ...] | None:
    """The streams that a message names; None for one that is not of ours, which nobody is to get again."""
    try:
        return _STREAMS.decode(message.data)
    except msgspec.MsgspecError as error:
        log.error("worker.unreadable", queue=queue, why=str(error))  # noqa: TRY400 - a fact for people, not a bug of ours
        await message.term()
        return None


def _pause_after(message: Msg) -> float:
    """The more often work has failed, the longer it waits."""
    failed_before = min(message.metadata.num_delivered - 1, 10)
    return min(REDELIVER_MAX_S, REDELIVER_FIRST_S * 2.0**failed_before)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
