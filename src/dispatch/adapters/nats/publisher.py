"""Publishes the events of the ledger to subscribers: reads them in order, sends them in batches, all or none.

One publisher is active. Its cursor is the last message of the stream itself; every batch names the message that it must
follow, so a publisher that was believed dead can neither leave a gap nor say something twice (ADR 0019).
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from time import monotonic

import msgspec
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamInfo

from dispatch.adapters.nats.batches import Batches, in_batches
from dispatch.adapters.nats.cloud_events import SEQUENCE, cloud_event
from dispatch.adapters.nats.fence import CursorLost, Fence, StreamReplaced
from dispatch.adapters.nats.following import Pace, follow
from dispatch.adapters.nats.streams import EVENT_STREAM, ensure_event_stream
from dispatch.adapters.postgres.published import PublishedSheet
from dispatch.application.ledger_since import position_before
from dispatch.application.ports.clock import Clock, utc_now
from dispatch.application.ports.ledger import EventLedger, Recorded

log = structlog.get_logger(__name__)

EVENTS_PER_READ = 1_000
ACKNOWLEDGED_WITHIN_S = 10.0
PACE = Pace(rest=3.0, quick_s=0.006)
"""A batch costs its sync of the disk whether it holds one event or a hundred."""
LOOK_EVERY_S = 1.0
LOOK_BACK_MAX = 1_000
"""So many messages that are not ours may stand at the end of the stream."""
HEADERS_BYTES_MAX = 4_096
NEARLY_FULL = 0.9


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """What the stream keeps, and under which name this installation publishes."""

    kept: timedelta
    bytes_max: int
    source: str


class Publisher:
    """The active publisher; `follow` runs until `stop` is set and outlives accidents of NATS and Postgres."""

    def __init__(
        self,
        ledger: EventLedger,
        sheet: PublishedSheet,
        client: Client,
        subscribed: Subscribed,
        clock: Clock = utc_now,
    ) -> None:
        self._ledger, self._sheet, self._client, self._subscribed = ledger, sheet, client, subscribed
        self._clock = clock
        self._js: JetStreamContext = client.jetstream(timeout=5)
        self._batches = Batches(client, within_s=ACKNOWLEDGED_WITHIN_S)
        self._fence = Fence(self._js, EVENT_STREAM, self._batches)
        self._through = 0
        self._checked_at = 0.0
        self._seen_last, self._seen_at = 0, 0.0  # The last message at the last look, and since when it is the last.

    @property
    def through(self) -> int:
        """The position up to which everything is published."""
        return self._through

    async def follow(self, wake: asyncio.Event, stop: asyncio.Event) -> None:
        """Publish until `stop` is set."""
        try:
            await follow(self._take_up, self._step, self._interrupted, wake=wake, stop=stop, pace=PACE)
        finally:
            await self._batches.close()

    def _interrupted(self, accident: str) -> None:
        log.warning("publisher.interrupted", accident=accident, through=self._through)

    async def _take_up(self) -> None:
        """Take up the cursor where the stream says that it is; an empty one is filled with what it would still hold."""
        kept = self._subscribed.kept
        await ensure_event_stream(self._js, max_age_s=kept.total_seconds(), max_bytes=self._subscribed.bytes_max)
        through = await self._last_position(await self._fence.take_up())
        if through is not None and through > await asyncio.to_thread(self._ledger.head):
            # The ledger came from a backup, and gives these positions to other events.
            log.error("publisher.ahead_of_ledger", through=through)
            await self._begin_anew()
            through = None
        if through is None:
            through = await asyncio.to_thread(position_before, self._ledger, self._clock() - kept)
            self._seen_last = 0
            log.info("publisher.fills", behind=through)
        else:
            self._seen_last, self._seen_at = self._fence.last_sequence, monotonic()
        self._through = through
        log.info("publisher.started", through=through)

    async def _last_position(self, last: Mapping[str, str]) -> int | None:
        """The position of the last message that is ours; None when there is none."""
        first = (await self._js.stream_info(EVENT_STREAM)).state.first_seq
        for number in range(self._fence.last_sequence, max(first, self._fence.last_sequence - LOOK_BACK_MAX) - 1, -1):
            if number != self._fence.last_sequence:  # Somebody else published behind us.
                last = (await self._js.get_msg(EVENT_STREAM, number)).headers or {}
            if SEQUENCE in last:
                return int(last[SEQUENCE])
        return None

    async def _begin_anew(self) -> None:
        await self._js.purge_stream(EVENT_STREAM)
        await self._fence.take_up()

    async def _step(self) -> bool:
        recorded = await asyncio.to_thread(self._ledger.read, self._through, EVENTS_PER_READ)
        if recorded:
            await self._publish(recorded)
        await self._look()
        return len(recorded) == EVENTS_PER_READ

    async def _publish(self, recorded: Sequence[Recorded]) -> None:
        """Raises what refused a batch: then nothing of it is in the stream."""
        data_bytes_max = self._client.max_payload - HEADERS_BYTES_MAX
        for batch in in_batches([cloud_event(event, self._subscribed.source, data_bytes_max) for event in recorded]):
            await self._fence.publish(batch)
        self._through = recorded[-1].position

    async def _look(self) -> None:
        """Once a second: note how far we are, and notice a stream that was wiped. Raises CursorLost."""
        now = monotonic()
        if now - self._checked_at < LOOK_EVERY_S:
            return
        self._checked_at = now
        try:
            info = await self._fence.check(expires=True)
        except StreamReplaced:
            await self._begin_anew()
            raise
        if self._was_wiped(info, now):
            # Whatever came in since then would stand before older events.
            log.warning("publisher.stream_wiped", through=self._through)
            await self._begin_anew()
            raise CursorLost
        if self._fence.last_sequence != self._seen_last:
            self._seen_last, self._seen_at = self._fence.last_sequence, now
        await asyncio.to_thread(self._sheet.note, self._through)

    def _was_wiped(self, info: StreamInfo, now: float) -> bool:
        """What was last at the last look is gone, although it was not old and the stream is not full."""
        if info.state.first_seq <= self._seen_last or not self._seen_last:
            return False
        expired = now - self._seen_at >= self._subscribed.kept.total_seconds() - LOOK_EVERY_S
        full = info.state.bytes >= NEARLY_FULL * self._subscribed.bytes_max
        return not (expired or full)
