"""Follows the ledger for endpoints: what each of them is told of becomes messages in the queue."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec

from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import EventLedger, Recorded
from dispatch.application.ports.webhooks import Message, Replay, WebhookQueue
from dispatch.application.webhooks.told import kinds_told, public_data, type_of
from dispatch.domain import events, identity
from dispatch.domain.endpoint.events import EndpointEvent, EndpointReplayRequested, Event
from dispatch.domain.endpoint.state import Endpoint, EndpointStatus, evolve

STEP = 1_000
NOTE_EVERY = timedelta(seconds=1)
"""So often the place in the ledger is noted while nothing is to be sent; whoever restarts looks at so much again."""
ENDPOINT_KINDS: frozenset[type[events.Event]] = frozenset(get_args(Event))
_encoder = msgspec.json.Encoder()


class FollowLedger:
    """Keeps the endpoints as they are at its place in the ledger, so that each message obeys the filters of its day.

    A restart loads them from their own streams. While an endpoint is disabled nothing is queued for it: a replay from
    that time on sends what it missed. Only events that some endpoint is told of are read, and those of endpoints.
    """

    def __init__(self, ledger: EventLedger, queue: WebhookQueue, clock: Clock) -> None:
        self._ledger, self._queue, self._clock = ledger, queue, clock
        self.endpoints: dict[str, Endpoint] = {}
        self.changes = 0
        """How many messages were put into the queue, and endpoints were met."""
        self.is_behind = True
        """Is there more to be done at once?"""
        self._position = -1
        self._may_replay = True
        self._noted = 0
        """The place that the queue has: nothing between it and ours is to be sent."""
        self._noted_at = datetime.min.replace(tzinfo=UTC)

    def load(self) -> None:
        """Begin where the queue says. Raises LedgerUnavailable."""
        position = self._queue.position()
        self.endpoints = {
            endpoint_id: _folded(self._ledger.trace(endpoint_id), position) for endpoint_id in self._queue.met()
        }
        self._position = self._noted = position
        self._may_replay = True

    @property
    def is_awaited(self) -> bool:
        """Is there anybody to be told of anything?"""
        return any(endpoint.status is EndpointStatus.ACTIVE for endpoint in list(self.endpoints.values()))

    def step(self) -> int:
        """Follow some events, and do a part of a replay; answers how many events were looked at.

        Raises:
            LedgerUnavailable: the same step may be done again after `load`.
            Overtaken: another one follows; begin again with `load`.
        """
        if self._position < 0:
            self.load()
        before, self._position = self._position, -1  # Until it is noted: endpoints are already ahead of it.
        now = self._clock()
        position, messages, met, replays = self._look(before, now)
        if messages or met or (position > self._noted and now - self._noted_at >= NOTE_EVERY):
            self._queue.put(self._noted, position, messages, met, replays)
            self._noted, self._noted_at = position, now
            self.changes += len(messages) + len(met)
        self._position = position
        for endpoint_id in met:
            if self.endpoints[endpoint_id].status is EndpointStatus.REMOVED:
                self._queue.drop(endpoint_id)
        self._may_replay |= bool(replays)
        looked_at = position - before
        if looked_at < STEP and self._may_replay:
            replayed = self._replay(now)
            self._may_replay = replayed > 0
            looked_at += replayed
        self.is_behind = looked_at >= STEP or self._may_replay
        return looked_at

    def _look(self, position: int, now: datetime) -> tuple[int, list[Message], list[str], list[Replay]]:
        """How far it looked from here, and what is to be noted of it."""
        messages: list[Message] = []
        met: list[str] = []
        replays: list[Replay] = []
        to_look = STEP
        while to_look > 0:
            kinds = self._kinds()
            through, recorded = self._ledger.read_kinds(position, to_look, kinds)
            is_whole = True
            for record in recorded:
                if not isinstance(record.event, EndpointEvent):
                    messages += _messages(record, self.endpoints.values(), now)
                    continue
                self._evolve(record.event)
                met.append(record.event.endpoint_id)
                if isinstance(record.event, EndpointReplayRequested):
                    after = self._before(record.event.since, record.position)
                    replays.append(Replay(record.event.endpoint_id, after, record.position))
                if not self._kinds() <= kinds:  # More is asked for from here on than was read.
                    through, is_whole = record.position, False
                    break
            position, to_look = through, to_look - (through - position)
            if is_whole:
                break
        return position, messages, met, replays

    def _kinds(self) -> frozenset[type[events.Event]]:
        """What has to be read for the endpoints as they are."""
        told = (kinds_told(each.types) for each in self.endpoints.values() if each.status is EndpointStatus.ACTIVE)
        return ENDPOINT_KINDS.union(*told)

    def _evolve(self, event: EndpointEvent) -> None:
        before = self.endpoints.get(event.endpoint_id, Endpoint())
        self.endpoints[event.endpoint_id] = evolve(before, event)  # type: ignore[arg-type]  # Of an endpoint's stream.

    def _replay(self, now: datetime) -> int:
        looked_at = 0
        for replay in self._queue.replays():
            endpoint = self.endpoints.get(replay.endpoint_id, Endpoint())
            through, recorded = self._ledger.read_kinds(replay.after, STEP, kinds_told(endpoint.types))
            found = [each for each in recorded if each.position <= replay.until]
            messages = [message for each in found for message in _messages(each, [endpoint], now)]
            after = through if replay.after < through < replay.until else replay.until
            self._queue.put_again(Replay(replay.endpoint_id, after, replay.until), messages)
            self.changes += len(messages)
            looked_at += after - replay.after or 1
        return looked_at

    def _before(self, since: datetime, until: int) -> int:
        """A position behind which everything recorded since then lies: times rise with positions."""
        low, high = 0, until
        while low < high:
            middle = (low + high) // 2
            found = self._ledger.read(middle, 1)
            if found and found[0].recorded_at < since:
                low = found[0].position
            else:
                high = middle
        return low


def message_id(endpoint_id: str, position: int) -> str:
    """The same for every attempt and replay: receivers tell repetitions by it."""
    return f"msg_{identity.command_id(endpoint_id, position)}"


def _messages(record: Recorded, endpoints: Iterable[Endpoint], now: datetime) -> Iterator[Message]:
    wanting = [endpoint for endpoint in endpoints if _is_told(endpoint, record)]
    if not wanting:
        return
    content = {"type": type_of(record.event), "timestamp": record.event.at, "data": public_data(record)}
    body = _encoder.encode(content)
    for endpoint in wanting:
        yield Message(
            endpoint_id=endpoint.endpoint_id,
            position=record.position,
            message_id=message_id(endpoint.endpoint_id, record.position),
            body=body,
            due_at=now,
        )


def _is_told(endpoint: Endpoint, record: Recorded) -> bool:
    if endpoint.status is not EndpointStatus.ACTIVE or type(record.event) not in kinds_told(endpoint.types):
        return False
    return endpoint.wants_batch(getattr(record.event, "batch_id", "") or record.correlation_id)


def _folded(trace: Iterable[Recorded], position: int) -> Endpoint:
    endpoint = Endpoint()
    for record in trace:
        if record.position <= position:
            event: Event = record.event  # type: ignore[assignment]  # Of an endpoint's stream.
            endpoint = evolve(endpoint, event)
    return endpoint
