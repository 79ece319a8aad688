"""The event ledger: append-only streams, in the one order in which everything was recorded."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from dispatch.domain.consent import Permission
from dispatch.domain.events import Event
from dispatch.domain.job.events import JobOpened
from dispatch.domain.person import Person


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why events are recorded: the command that asked, the batch or request it belongs to, and who acted.

    Events of a job carry the id of its batch in `correlation_id`: views count by it.
    A retry of the same append carries the same `command_id`: the ledger finds its own earlier write by it.
    """

    command_id: str  # UUID
    correlation_id: str = ""  # UUID or empty
    actor: str = ""


class Append(msgspec.Struct, frozen=True, gc=False):
    """Events that follow version `version` of a stream (0: the stream is new)."""

    stream: str  # UUID
    version: int
    events: Sequence[Event]
    cause: Cause


class Advance(msgspec.Struct, frozen=True):
    """The ledger has grown to the position `head`, and all of it is durable.

    Where it says by which appends, their events stand there one behind the other, with nothing in between.
    """

    head: int
    appends: Sequence[Append] | None = None


class History(msgspec.Struct, frozen=True):
    """A stream as it is: its version is the number of its events."""

    version: int
    events: Sequence[Event]


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it stands in the ledger, with its place and its cause."""

    position: int  # Place in the one order of all events; rises, may have gaps.
    stream: str
    version: int
    event: Event
    recorded_at: datetime
    actor: str
    correlation_id: str
    causation_id: str


class Prepared(msgspec.Struct, frozen=True):
    """New streams ready for `append_bulk`: how many events, and these in the form of the ledger that made it."""

    events: int
    form: Sequence[Any]


class JobColumns(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The fields of `JobOpened` that new jobs do not share, a column each."""

    references: Sequence[str]
    services: Sequence[str]
    prices_pence: Sequence[int]
    persons: Sequence[Person]  # In plain text.
    permissions: Sequence[Permission]
    details: Sequence[dict[str, str]]


class NewJobs(msgspec.Struct, frozen=True, kw_only=True):
    """New streams of one batch, each with a `JobOpened`. Nobody makes an object of each of the thousands.

    The columns come some hundred rows at a time and once, so that what is looked at stays near to the processor.
    """

    cause: Cause
    at: datetime
    batch_id: str
    route: tuple[str, ...]
    job_ids: Sequence[str]  # UUIDs
    rows: Sequence[int]
    columns: Iterable[JobColumns]  # All of the rows, in their order.

    def appends(self) -> Iterator[Append]:
        """The same, one by one."""
        numbers = zip(self.job_ids, self.rows, strict=True)
        for part in self.columns:
            fields = (
                part.references,
                part.services,
                part.prices_pence,
                part.persons,
                part.permissions,
                part.details,
            )
            for reference, service, price_pence, person, permission, details in zip(*fields, strict=True):
                job_id, row = next(numbers)
                opened = JobOpened(
                    job_id=job_id,
                    at=self.at,
                    batch_id=self.batch_id,
                    row=row,
                    reference=reference,
                    service=service,
                    price_pence=price_pence,
                    route=self.route,
                    person=person,
                    permission=permission,
                    details=details,
                )
                yield Append(job_id, 0, (opened,), self.cause)


class VersionConflict(Exception):
    """Someone else wrote to the stream first: load it again and decide anew."""

    def __init__(self, stream: str, expected: int, found: int) -> None:
        super().__init__(f"stream {stream} is at version {found}, not {expected}")
        self.stream, self.expected, self.found = stream, expected, found


class LedgerUnavailable(Exception):
    """The ledger cannot be reached; nothing is known to be recorded, and asking again is safe."""


class EventLedger(Protocol):
    """Append-only streams of events. Appends are durable when they return."""

    def load(self, stream: str) -> History:
        """One stream from its beginning; version 0 and no events when there is none."""
        ...

    def load_many(self, streams: Sequence[str]) -> dict[str, History]:
        """Many streams in one query; every asked stream is in the answer."""
        ...

    def trace(self, stream: str) -> list[Recorded]:
        """One stream with the place and the cause of each event, for people; none when there is no such stream."""
        ...

    def append(self, appends: Sequence[Append]) -> list[range | VersionConflict]:
        """Record for many streams in one transaction; answers in the order of `appends`.

        Each stream's version check stands alone: a conflict answers for that stream only, the others are recorded.
        An answer is the range of positions that the events took. An append that was recorded before under the same
        command id is answered with the positions it took then.

        Raises:
            LedgerUnavailable: the outcome is not known; ask again with the same command ids.
        """
        ...

    def prepare(self, new: Iterable[Append] | NewJobs) -> Prepared:
        """What can be done about new streams before `append_bulk`, such as encrypting them; several threads may ask.

        Raises:
            ValueError, TypeError: as `append_bulk` would.
            LedgerUnavailable: nothing is recorded yet.
        """
        ...

    def append_bulk(self, marker: Append, new: Iterable[Append] | Prepared) -> range:
        """Record many new streams and one marker in one transaction, all or none; made for imports.

        Raises:
            VersionConflict: the marker's stream moved on, or one of the new streams exists; nothing is recorded.
            LedgerUnavailable: as for `append`.
        """
        ...

    def read(self, after: int, limit: int) -> list[Recorded]:
        """Up to `limit` events behind position `after`, in order, with no event ever appearing behind a reader."""
        ...

    def read_kinds(self, after: int, limit: int, kinds: Collection[type[Event]]) -> tuple[int, list[Recorded]]:
        """Look at up to `limit` events behind position `after`: how far that is, and those of these kinds.

        Others are not decoded. An event that is not known here is not passed over: it cannot be read, as in `read`.
        """
        ...

    def head(self) -> int:
        """The highest position that is recorded; 0 for an empty ledger."""
        ...
