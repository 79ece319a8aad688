"""A second process for the Python of big imports: one process uses one core, however many threads it has."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from dispatch.application.ports.ledger import EventLedger, LedgerUnavailable

A = TypeVar("A")
T = TypeVar("T")


class AssistantGone(LedgerUnavailable):
    """The second process has died; what it was at is not known, nothing of it is recorded, and asking again is safe."""


class Assistant(Protocol):
    """Does one piece of work at a time, on a ledger of its own. It knows nothing from one piece to the next."""

    def work(
        self, task: Callable[[EventLedger, Iterator[A]], Iterator[T]], items: Iterable[A] = ()
    ) -> AbstractContextManager[Iterator[T]]:
        """What `task` makes over there of the items, in order, and a little ahead of whoever takes it.

        Task, items and answers travel: a task is a function of a module. Items are made in a thread, a few ahead too.
        Whoever leaves early ends the work.

        Raises while iterating:
            AssistantGone: the process has died.
            Exception: what `task` or `items` has raised.
        """
        ...

    def close(self) -> None:
        """End the process, whatever it is at; it is started again by who asks it again."""
        ...
