"""Events as they were stored: every version of every event, and how an older one is lifted to the one of today.

Version 1 of an event is stored under its plain name, `JobOpened`, version 2 under `JobOpened.2`. Shapes that were
stored stay in the ledger for ever, so steps are only ever added at the end: docs/how_to/change_an_event.md.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from dispatch.domain.events import REGISTRY, Event

Raw = dict[str, Any]
Step = Callable[[Raw], Raw]
"""What makes version n+1 of version n, both as plain JSON: it outlives the types of its day, so it uses none."""
FIELDS_ADDED: Step = dict
"""The step to a version that only adds fields with defaults: nothing is done, the decoder fills them in."""

STEPS: Mapping[str, Sequence[Step]] = {
    "BatchReceived": (FIELDS_ADDED,),  # priority
    "RowsRefused": (FIELDS_ADDED,),  # correction
    "BatchJudged": (FIELDS_ADDED,),  # value_pence, stopped_at_row, rows_at_most
    "BatchRejected": (FIELDS_ADDED,),  # by
    "StageStarted": (FIELDS_ADDED,),  # provider
    "JobEscalated": (FIELDS_ADDED,),  # provider, message, transient
    "StageFailed": (FIELDS_ADDED,),  # provider, message, in_doubt
    "JobOpened": (FIELDS_ADDED,),  # channel, priority, scheduled_at
    "StageCompleted": (FIELDS_ADDED,),  # priority
    "BatchClosed": (FIELDS_ADDED,),  # archived
}
"""By event, the steps from version 1 on. An event that is not here has had one version."""

E = TypeVar("E")


class EventUnreadable(Exception):
    """A stored event has a name, a version or a shape that this version of dispatch does not know."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"stored event {name!r} cannot be read: {why}")


class Shapes(Generic[E]):
    """A closed set of stored names. What is not in it is an error, never an import.

    `decoders` reads what needs no lifting, by stored name: today's events are found there at once, and so are those
    whose later versions only added fields.
    """

    def __init__(self, registry: Mapping[str, type[E]], steps: Mapping[str, Sequence[Step]]) -> None:
        if unknown := sorted(set(steps) - set(registry)):
            raise ValueError(f"there are steps for what is no event of the registry: {unknown}")
        self._registry = registry
        self.versions = {name: len(steps.get(name, ())) + 1 for name in registry}
        self.names = {kind: stored_name(name, self.versions[name]) for name, kind in registry.items()}
        self.decoders: dict[str, msgspec.json.Decoder[E]] = {}
        self._steps: dict[str, tuple[str, Sequence[Step]]] = {}  # By stored name: the event, and the steps to go.
        for name, kind in registry.items():
            each = steps.get(name, ())
            for version in range(1, self.versions[name] + 1):
                stored, to_go = stored_name(name, version), each[version - 1 :]
                if all(step is FIELDS_ADDED for step in to_go):
                    self.decoders[stored] = msgspec.json.Decoder(kind)
                else:
                    self._steps[stored] = name, to_go

    def stored_names(self, kinds: Collection[type[E]]) -> list[str]:
        """The names of all versions of these events."""
        return [
            stored_name(name, version)
            for name, kind in self._registry.items()
            if kind in kinds
            for version in range(1, self.versions[name] + 1)
        ]

    def lift(self, stored: str, state: bytes | memoryview) -> tuple[str, bytes]:
        """The stored name and the bytes that an older event would have today.

        Raises:
            EventUnreadable: the name or the version is not known, or a step cannot take these bytes.
        """
        if stored not in self._steps:
            raise EventUnreadable(stored, self._why(stored))
        name, steps = self._steps[stored]
        try:
            raw = msgspec.json.decode(state, type=Raw)
            for step in steps:
                raw = step(raw)
            return stored_name(name, self.versions[name]), msgspec.json.encode(raw)
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError, AttributeError) as error:
            why = f"it cannot be lifted to version {self.versions[name]} ({type(error).__name__})"
            raise EventUnreadable(stored, why) from error

    def _why(self, stored: str) -> str:
        name, dot, version = stored.partition(".")
        known = self.versions.get(name)
        if dot and known and version.isascii() and version.isdecimal() and int(version) > known:
            return f"version {known} is the newest that is known here; it was written by a newer version of dispatch"
        return "no such event is known here; was it written by a newer version?"


def stored_name(name: str, version: int) -> str:
    """The name under which this version of an event is stored."""
    return name if version == 1 else f"{name}.{version}"


SHAPES: Shapes[Event] = Shapes(REGISTRY, STEPS)
"""Everything that the ledger may hold."""
