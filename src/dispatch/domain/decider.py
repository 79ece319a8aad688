"""The shape of every aggregate: a state folded from events, and rules that answer a command with new events."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C", contravariant=True)
E = TypeVar("E")
S = TypeVar("S")


@dataclass(frozen=True)
class Decider(Generic[C, E, S]):
    """Pure functions that together are an aggregate (Jérémie Chassaing, "Functional Event Sourcing Decider").

    `decide` raises a `DomainError` when a command breaks a rule, and answers `[]` when it was carried out before.
    `evolve` only records: it never refuses. `evolve_all` is it for many events in order, where there is a shorter way.
    """

    initial: Callable[[], S]
    decide: Callable[[C, S], list[E]]
    evolve: Callable[[S, E], S]
    evolve_all: Callable[[S, Iterable[E]], S] | None = None

    def fold(self, events: Iterable[E], state: S | None = None) -> S:
        """The state after these events, from the given state or from the initial one."""
        folded = self.initial() if state is None else state
        if self.evolve_all is not None:
            return self.evolve_all(folded, events)
        for event in events:
            folded = self.evolve(folded, event)
        return folded


def versions(events: Sequence[object], after: int) -> range:
    """The stream versions that these events take when they follow version `after`."""
    return range(after + 1, after + 1 + len(events))
