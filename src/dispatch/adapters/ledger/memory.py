"""The event ledger in memory, over the library's own memory recorder: for unit tests and simulations."""

import threading
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from dispatch.adapters.codec import decode, encode
from dispatch.adapters.ledger.committer import Answer
from dispatch.adapters.ledger.copying import copy_blocks
from dispatch.adapters.ledger.framing import framed
from dispatch.application.ports.clock import Clock, utc_now
from dispatch.application.ports.ledger import Append, Cause, History, NewJobs, Prepared, Recorded, VersionConflict
from dispatch.domain.events import Event


class MemoryLedger:
    """Implements the port `EventLedger`; what it holds is gone with the process."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._recorder = POPOApplicationRecorder()
        self._causes: list[tuple[datetime, Cause]] = []  # By position, from 1.
        self._positions: dict[tuple[UUID, int], int] = {}  # By stream and version.
        self._clock = clock
        self._lock = threading.Lock()

    def load(self, stream: str) -> History:
        stored = self._recorder.select_events(UUID(stream))
        return History(len(stored), [decode(event.topic, event.state) for event in stored])

    def load_many(self, streams: Sequence[str]) -> dict[str, History]:
        return {stream: self.load(stream) for stream in streams}

    def trace(self, stream: str) -> list[Recorded]:
        return [record for record in self.read(0, self.head()) if UUID(record.stream) == UUID(stream)]

    def append(self, appends: Sequence[Append]) -> list[Answer]:
        if appends:
            framed(appends)  # What one form refuses, the other refuses.
        with self._lock:
            return [self._append(append) for append in appends]

    def prepare(self, new: Iterable[Append] | NewJobs) -> Prepared:
        opened = list(new.appends() if isinstance(new, NewJobs) else new)
        for _ in copy_blocks(opened):
            pass  # Refuses what the other form refuses.
        return Prepared(sum(len(append.events) for append in opened), opened)

    def append_bulk(self, marker: Append, new: Iterable[Append] | Prepared) -> range:
        framed([marker])
        opened = (new if isinstance(new, Prepared) else self.prepare(new)).form
        with self._lock:
            own = self._recorded_before(marker)
            if own is not None:
                return range(own.start, own.stop + sum(len(append.events) for append in opened))
            seen: set[UUID] = set()
            for append in (marker, *opened):
                found = self._version(append.stream)
                if found != append.version or UUID(append.stream) in seen:
                    raise VersionConflict(append.stream, append.version, found)
                seen.add(UUID(append.stream))
            start = self.head() + 1
            for append in (marker, *opened):
                self._append(append)
            return range(start, self.head() + 1)

    def read(self, after: int, limit: int) -> list[Recorded]:
        notifications = self._recorder.select_notifications(after, limit, inclusive_of_start=False)
        recorded = []
        for notification in notifications:
            at, cause = self._causes[notification.id - 1]
            recorded.append(
                Recorded(
                    position=notification.id,
                    stream=str(notification.originator_id),
                    version=notification.originator_version,
                    event=decode(notification.topic, notification.state),
                    recorded_at=at,
                    actor=cause.actor,
                    correlation_id=cause.correlation_id,
                    causation_id=cause.command_id,
                )
            )
        return recorded

    def read_kinds(self, after: int, limit: int, kinds: Collection[type[Event]]) -> tuple[int, list[Recorded]]:
        recorded = self.read(after, limit)
        through = recorded[-1].position if recorded else after
        return through, [each for each in recorded if type(each.event) in kinds]

    def head(self) -> int:
        return self._recorder.max_notification_id() or 0

    def _version(self, stream: str) -> int:
        return len(self._recorder.select_events(UUID(stream)))

    def _append(self, append: Append) -> Answer:
        found = self._version(append.stream)
        if found != append.version:
            return self._recorded_before(append) or VersionConflict(append.stream, append.version, found)
        stored = []
        for version, event in enumerate(append.events, append.version + 1):
            topic, state = encode(event)
            stored.append(StoredEvent(UUID(append.stream), version, topic, state))
            self._causes.append((self._clock(), append.cause))
            self._positions[UUID(append.stream), version] = len(self._causes)
        self._recorder.insert_events(stored)
        return range(self.head() - len(stored) + 1, self.head() + 1)

    def _recorded_before(self, append: Append) -> range | None:
        position = self._positions.get((UUID(append.stream), append.version + 1))
        if position is None or self._causes[position - 1][1].command_id != append.cause.command_id:
            return None
        return range(position, position + len(append.events))
