"""Carries work from the ledger to JetStream: follows it in order, publishes what is due next, sweeps what is overdue.

Who appends says what (`told`); what was not told, or does not connect to what is known, is read from the ledger (0040).

One relay is active. Its cursor is the last message of the stream itself, so a stream that lost its tail, or everything,
is filled again; the expected-last-message id fences off a relay that was believed dead.
"""

import asyncio
from collections.abc import Iterable, Sequence
from time import monotonic

import msgspec
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError

from dispatch.adapters.nats.batches import Batches, Message, in_batches
from dispatch.adapters.nats.fence import Fence, StreamReplaced
from dispatch.adapters.nats.following import PAUSE_AFTER_ACCIDENT_S, either, follow
from dispatch.adapters.nats.streams import (
    STREAM_FULL,
    WORK_STREAM,
    ensure_work_stream,
    is_idle,
    make_room,
    work_subject,
)
from dispatch.adapters.nats.told import Told
from dispatch.adapters.postgres.due import DueSheet
from dispatch.application.ports.ledger import EventLedger
from dispatch.application.react import INTAKE, Work, chunked, queue_of, queues_of, react

log = structlog.get_logger(__name__)

THROUGH = "Dispatch-Through"
"""Header: the work of all events up to this position is in the stream once this message is."""

EVENTS_PER_READ = 5_000
GAP_S = 0.002
"""What two processes append at the same moment may be told in the wrong order: for so long the first is waited for."""
READ_EVERY_S = 0.2
"""So often the ledger is read although everything was told."""
SWEEP_EVERY_S = 0.25
CHECK_EVERY_S = 5.0
ACKNOWLEDGED_WITHIN_S = 5.0
STALE_EVERY_S = 15.0


class Relay:
    """The active relay; `follow` runs until `stop` is set and outlives accidents of NATS and Postgres."""

    def __init__(
        self, ledger: EventLedger, due: DueSheet, client: Client, stages: Sequence[str], told: Told | None = None
    ) -> None:
        self._ledger, self._due, self._stages = ledger, due, stages
        self._told = told
        self._js: JetStreamContext = client.jetstream(timeout=5)
        self._batches = Batches(client, within_s=ACKNOWLEDGED_WITHIN_S)
        self._fence = Fence(self._js, WORK_STREAM, self._batches)
        self._through = 0
        self._wake, self._stop = asyncio.Event(), asyncio.Event()
        self._read_at = -READ_EVERY_S
        self._swept_at = self._checked_at = self._stale_at = monotonic()

    @property
    def through(self) -> int:
        """The position up to which all work is in the stream."""
        return self._through

    async def follow(self, wake: asyncio.Event, stop: asyncio.Event) -> None:
        """Publish until `stop` is set."""
        self._wake, self._stop = wake, stop
        try:
            await follow(self._take_up, self._step, self._interrupted, wake=wake, stop=stop)
        finally:
            await self._batches.close()

    def _interrupted(self, accident: str) -> None:
        log.warning("relay.interrupted", accident=accident, through=self._through)

    async def _take_up(self) -> None:
        """Take up the cursor where the stream itself says that it is."""
        await ensure_work_stream(self._js)
        headers = await self._fence.take_up()
        self._through = int(headers.get(THROUGH, 0))
        self._read_at = -READ_EVERY_S
        if self._told is not None:
            self._told.forget()  # It may have been said of a ledger that was replaced by its backup.
        log.info("relay.started", through=self._through)

    async def _step(self) -> bool:
        busy = await self._publish_next()
        await self._check()
        await self._sweep()
        return busy

    async def _publish_next(self) -> bool:
        if self._told is not None and await self._is_told(self._told):
            return False
        self._read_at = monotonic()
        recorded = await asyncio.to_thread(self._ledger.read, self._through, EVENTS_PER_READ)
        if not recorded:
            return False
        last = recorded[-1].position
        await self._publish(react(recorded), last)
        self._through = last
        return len(recorded) == EVENTS_PER_READ

    async def _is_told(self, told: Told) -> bool:
        """Publish what was told, as far as it connects to what is known; is there no need to read?"""
        if told.head <= self._through:
            return monotonic() - self._read_at < READ_EVERY_S
        through, work = told.take(self._through)
        if through == self._through:
            await either(self._wake, self._stop, GAP_S)
            through, work = told.take(self._through)
        await self._publish(work, through)
        is_told, self._through = through > self._through, through
        return is_told

    async def _check(self) -> None:
        """Notice a stream that was wiped although there is nothing to publish. Raises CursorLost."""
        now = monotonic()
        if now - self._checked_at < CHECK_EVERY_S:
            return
        self._checked_at = now
        try:
            await self._fence.check()
        except StreamReplaced:
            await self._js.purge_stream(WORK_STREAM)
            raise

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
        await self._publish(chunked((queue_of(job.stage, job.priority), job.job_id) for job in due), self._through)

    async def _is_idle(self, stage: str) -> bool:
        return all([await is_idle(self._js, queue) for queue in queues_of(stage)])

    async def _publish(self, works: Iterable[Work], through: int) -> None:
        """The last of them says that all work up to `through` is in the stream."""
        messages = [
            Message(work_subject(work.queue), {THROUGH: str(self._through)}, msgspec.json.encode(work.streams))
            for work in works
        ]
        if messages:
            messages[-1].headers[THROUGH] = str(through)
        for batch in in_batches(messages):
            await self._publish_when_there_is_room(batch)

    async def _publish_when_there_is_room(self, batch: Sequence[Message]) -> None:
        while True:
            try:
                await self._fence.publish(batch)
            except APIError as refusal:
                if refusal.err_code != STREAM_FULL or self._stop.is_set():
                    raise
            else:
                return
            if len(batch) > 1:  # There may be room for a part of it.
                for message in batch:
                    await self._publish_when_there_is_room([message])
                return
            # Wait here: whoever begins again fills the room with what is in the stream already.
            log.warning("relay.stream_full", through=self._through)
            await make_room(self._js, [*(queue for stage in self._stages for queue in queues_of(stage)), INTAKE])
            await either(self._stop, self._stop, PAUSE_AFTER_ACCIDENT_S)
