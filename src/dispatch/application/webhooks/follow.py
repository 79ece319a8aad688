"""Follows the ledger for endpoints: what each of them is told of becomes messages in the queue."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import EventLedger, Recorded
from dispatch.application.ports.webhooks import Message, Replay, WebhookQueue
from dispatch.application.webhooks.told import public_data, type_of
from dispatch.domain import identity
from dispatch.domain.endpoint.events import EndpointEvent, EndpointReplayRequested, Event
from dispatch.domain.endpoint.state import Endpoint, EndpointStatus, evolve

STEP = 1_000
_encoder = msgspec.json.Encoder()


class FollowLedger:
    """Keeps the endpoints as they are at its place in the ledger, so that each message obeys the filters of its day.

    A restart loads them from their own streams. While an endpoint is disabled nothing is queued for it: a replay from
    that time on sends what it missed.
    """

    def __init__(self, ledger: EventLedger, queue: WebhookQueue, clock: Clock) -> None:
        self._ledger, self._queue, self._clock = ledger, queue, clock
        self.endpoints: dict[str, Endpoint] = {}
        self._position = -1

    def load(self) -> None:
        """Begin where the queue says. Raises LedgerUnavailable."""
        position = self._queue.position()
        self.endpoints = {
            endpoint_id: _folded(self._ledger.trace(endpoint_id), position) for endpoint_id in self._queue.known()
        }
        self._position = position

    def step(self) -> int:
        """Follow some events, or do a part of a replay; answers how many events were looked at.

        Raises:
            LedgerUnavailable: the same step may be done again after `load`.
            Overtaken: another one follows; begin again with `load`.
        """
        if self._position < 0:
            self.load()
        recorded = self._ledger.read(self._position, STEP)
        if not recorded:
            return self._replay()
        before, self._position = self._position, -1  # Until it is written: endpoints are already ahead of it.
        messages: list[Message] = []
        met: list[str] = []
        replays: list[Replay] = []
        for record in recorded:
            if isinstance(record.event, EndpointEvent):
                self._evolve(record.event)
                met.append(record.event.endpoint_id)
                if isinstance(record.event, EndpointReplayRequested):
                    after = self._before(record.event.since, record.position)
                    replays.append(Replay(record.event.endpoint_id, after, record.position))
            else:
                messages += self._messages(record, self.endpoints.values())
        self._queue.put(before, recorded[-1].position, messages, met, replays)
        self._position = recorded[-1].position
        for endpoint_id in met:
            if self.endpoints[endpoint_id].status is EndpointStatus.REMOVED:
                self._queue.drop(endpoint_id)
        return len(recorded)

    def _evolve(self, event: EndpointEvent) -> None:
        before = self.endpoints.get(event.endpoint_id, Endpoint())
        self.endpoints[event.endpoint_id] = evolve(before, event)  # type: ignore[arg-type]  # Of an endpoint's stream.

    def _messages(self, record: Recorded, endpoints: Iterable[Endpoint]) -> Iterator[Message]:
        wanting = [endpoint for endpoint in endpoints if _is_told(endpoint, record)]
        if not wanting:
            return
        content = {"type": type_of(record.event), "timestamp": record.event.at, "data": public_data(record)}
        body, now = _encoder.encode(content), self._clock()
        for endpoint in wanting:
            yield Message(
                endpoint_id=endpoint.endpoint_id,
                position=record.position,
                message_id=message_id(endpoint.endpoint_id, record.position),
                body=body,
                due_at=now,
            )

    def _replay(self) -> int:
        looked_at = 0
        for replay in self._queue.replays():
            endpoint = self.endpoints.get(replay.endpoint_id, Endpoint())
            events = [each for each in self._ledger.read(replay.after, STEP) if each.position <= replay.until]
            messages = [message for each in events for message in self._messages(each, [endpoint])]
            after = events[-1].position if events else replay.until
            self._queue.put_again(Replay(replay.endpoint_id, after, replay.until), messages)
            looked_at += len(events) or 1
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


def _is_told(endpoint: Endpoint, record: Recorded) -> bool:
    if endpoint.status is not EndpointStatus.ACTIVE or not (kind := type_of(record.event)):
        return False
    return endpoint.wants(kind, getattr(record.event, "batch_id", "") or record.correlation_id)


def _folded(trace: Iterable[Recorded], position: int) -> Endpoint:
    endpoint = Endpoint()
    for record in trace:
        if record.position <= position:
            event: Event = record.event  # type: ignore[assignment]  # Of an endpoint's stream.
            endpoint = evolve(endpoint, event)
    return endpoint
