"""Carries work from the ledger to JetStream: reads events in order, publishes what is due next, sweeps what is overdue.

One relay is active. Its cursor is the last message of the stream itself, so a stream that lost its tail, or everything,
is filled again; the expected-last-message id fences off a relay that was believed dead.
"""

import asyncio
import itertools
from collections.abc import Sequence
from time import monotonic
from uuid import uuid4

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from dispatch.adapters.nats.streams import (
    STREAM_FULL,
    WORK_STREAM,
    ensure_work_stream,
    is_idle,
    last_message_headers,
    make_room,
    work_subject,
)
from dispatch.adapters.postgres.due import DueSheet
from dispatch.application.ports.ledger import EventLedger, LedgerUnavailable
from dispatch.application.react import INTAKE, Work, chunked, queue_of, queues_of, react

log = structlog.get_logger(__name__)

THROUGH = "Dispatch-Through"
"""Header: the work of all events up to this position is in the stream once this message is."""

MESSAGE_ID = "Nats-Msg-Id"
EXPECTED_LAST = "Nats-Expected-Last-Msg-Id"
EVENTS_PER_READ = 5_000
POLL_S = 0.2
SWEEP_EVERY_S = 0.25
CHECK_EVERY_S = 5.0
STALE_EVERY_S = 15.0
PAUSE_AFTER_ACCIDENT_S = 0.5


class CursorLost(Exception):
    """The stream does not end with what this relay published: it was wiped, or another relay is at it."""


class Relay:
    """The active relay; `follow` runs until `stop` is set and outlives accidents of NATS and Postgres."""

    def __init__(self, ledger: EventLedger, due: DueSheet, client: Client, stages: Sequence[str]) -> None:
        self._ledger, self._due, self._client, self._stages = ledger, due, client, stages
        self._js: JetStreamContext = client.jetstream(timeout=5)
        self._through = 0
        self._last_id: str | None = None
        self._take = ""
        self._stop = asyncio.Event()
        self._numbers = itertools.count(1)
        self._swept_at = self._checked_at = self._stale_at = monotonic()

    @property
    def through(self) -> int:
        """The position up to which all work is in the stream."""
        return self._through

    async def follow(self, wake: asyncio.Event, stop: asyncio.Event) -> None:
        """Publish until `stop` is set."""
        self._stop = stop
        while not stop.is_set():
            try:
                await self._take_up()
                while not stop.is_set():
                    wake.clear()
                    busy = await self._publish_next()
                    await self._check()
                    await self._sweep()
                    if not busy:
                        await _either(wake, stop, POLL_S)
            except (CursorLost, NatsError, LedgerUnavailable, OSError, TimeoutError) as accident:
                log.warning("relay.interrupted", accident=type(accident).__name__, through=self._through)
                await _either(stop, stop, PAUSE_AFTER_ACCIDENT_S)

    async def _take_up(self) -> None:
        """Take up the cursor where the stream itself says that it is."""
        await ensure_work_stream(self._js)
        headers = await last_message_headers(self._js)
        self._through = int(headers[THROUGH]) if headers and THROUGH in headers else 0
        self._last_id = headers.get(MESSAGE_ID) if headers else None
        # New ids each time: JetStream remembers those of messages that are gone, and another relay counts as we do.
        self._take = uuid4().hex
        log.info("relay.started", through=self._through)

    async def _publish_next(self) -> bool:
        recorded = await asyncio.to_thread(self._ledger.read, self._through, EVENTS_PER_READ)
        if not recorded:
            return False
        works, last = react(recorded), recorded[-1].position
        for number, work in enumerate(works, 1):
            through = last if number == len(works) else self._through
            await self._publish(work, f"{self._take}.{next(self._numbers)}", through)
        self._through = last
        return True

    async def _check(self) -> None:
        """Notice a stream that was wiped although there is nothing to publish. Raises CursorLost."""
        now = monotonic()
        if now - self._checked_at < CHECK_EVERY_S:
            return
        self._checked_at = now
        headers = await last_message_headers(self._js)
        if (headers or {}).get(MESSAGE_ID) != self._last_id:
            raise CursorLost

    async def _sweep(self) -> None:
        now = monotonic()
        if now - self._swept_at < SWEEP_EVERY_S:
            return
        self._swept_at = now
        stale_too: list[str] = []
        if now - self._stale_at >= STALE_EVERY_S:
            self._stale_at = now
            # A backlog in the stream is not stuck: only where nothing waits and nothing runs, a job was forgotten.
            stale_too = [stage for stage in self._stages if await self._is_idle(stage)]
        due = await asyncio.to_thread(self._due.sweep, self._stages, stale=False)
        if stale_too:
            due += await asyncio.to_thread(self._due.sweep, stale_too, stale=True)
        for work in chunked((queue_of(job.stage, job.priority), job.job_id) for job in due):
            await self._publish(work, f"{self._take}.{next(self._numbers)}", self._through)

    async def _is_idle(self, stage: str) -> bool:
        return all([await is_idle(self._js, queue) for queue in queues_of(stage)])

    async def _publish(self, work: Work, message_id: str, through: int) -> None:
        headers = {MESSAGE_ID: message_id, THROUGH: str(through)}
        if self._last_id is not None:
            headers[EXPECTED_LAST] = self._last_id
        subject, content = work_subject(work.queue), msgspec.json.encode(work.streams)
        while True:
            try:
                await self._js.publish(subject, content, stream=WORK_STREAM, headers=headers)
                break
            except APIError as refusal:
                if refusal.err_code != STREAM_FULL or self._stop.is_set():
                    raise
            # Wait here: whoever begins again fills the room with what is in the stream already.
            log.warning("relay.stream_full", through=self._through)
            await make_room(self._js, [*(queue for stage in self._stages for queue in queues_of(stage)), INTAKE])
            await _either(self._stop, self._stop, PAUSE_AFTER_ACCIDENT_S)
        self._last_id = message_id


async def _either(first: asyncio.Event, second: asyncio.Event, timeout_s: float) -> None:
    """Wait until one of the events is set, at most so long."""
    waits = [asyncio.ensure_future(event.wait()) for event in {first, second}]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
