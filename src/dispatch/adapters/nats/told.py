"""What others say that they appended: whoever is told need not read it."""

from collections.abc import Sequence

import msgspec

from dispatch.application.ports.ledger import Advance
from dispatch.application.react import Work, work_after

EVENTS_MAX = 1_000
"""Of longer appends only the head is told."""
PARTS_MAX = 1_000
"""So many parts are kept that do not connect to what is known; by then the ledger has been read."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """The work that all events behind `after` bring, up to `head`; None where it has to be read."""

    after: int
    head: int
    work: tuple[Work, ...] | None = None


def part_of(advance: Advance) -> Part:
    """What is told of this append."""
    appends = advance.appends
    events = sum(len(append.events) for append in appends) if appends is not None else 0
    if appends is None or events > EVENTS_MAX:
        return Part(0, advance.head)
    work = work_after((append.stream, event) for append in appends for event in append.events)
    return Part(advance.head - events, advance.head, tuple(work))


class Told:
    """The parts that came, in any order, until they connect. Nothing is taken on trust that does not follow without a
    gap upon what is known: what was said too late, twice or never is read from the ledger instead."""

    def __init__(self) -> None:
        self._parts: dict[int, Part] = {}
        self.head = 0
        """The highest position that anybody told."""

    def hear(self, parts: Sequence[Part]) -> None:
        """Note what was told."""
        if len(self._parts) > PARTS_MAX:
            self._parts.clear()
        for part in parts:
            self.head = max(self.head, part.head)
            if part.work is not None:
                self._parts[part.after] = part

    def take(self, position: int) -> tuple[int, list[Work]]:
        """How far all is known from this position on, and the work that it brings."""
        work: list[Work] = []
        for after in [after for after in self._parts if after < position]:
            del self._parts[after]
        while part := self._parts.pop(position, None):
            position = part.head
            work += part.work or ()
        return position, work

    def forget(self) -> None:
        """Whatever was told so far is to be read."""
        self._parts.clear()
        self.head = 0
