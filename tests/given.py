"""Given events, when a command, then events: how every rule of the domain is tested."""

from typing import Generic, TypeVar

from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class Answer(Generic[E]):
    """What a command led to: the events recorded, or the refusal."""

    def __init__(self, events: list[E], refusal: DomainError | None) -> None:
        self.events, self.refusal = events, refusal

    def then(self, *expected: E) -> None:
        """Exactly these events were recorded, in this order."""
        if self.refusal is not None:
            raise AssertionError(f"expected events, but it was refused: {self.refusal}") from self.refusal
        if self.events != list(expected):
            raise AssertionError(f"recorded:{_lines(self.events)}\nexpected:{_lines(expected)}")

    def then_nothing(self) -> None:
        """Nothing was recorded and nothing refused: it had been carried out before."""
        self.then()

    def then_refused(self, kind: type[DomainError]) -> None:
        """A rule of exactly this kind stood in the way, before any event was made."""
        if type(self.refusal) is not kind:
            found = f"refused as {self.refusal!r}" if self.refusal else f"recorded:{_lines(self.events)}"
            raise AssertionError(f"expected a refusal as {kind.__name__}, but it was {found}") from self.refusal


class Given(Generic[C, E, S]):
    """An aggregate to which these events have happened."""

    def __init__(self, decider: Decider[C, E, S], *events: E) -> None:
        self._decider = decider
        self._state = decider.fold(events)

    def when(self, command: C) -> Answer[E]:
        """Send the command and, unless it is refused, send it again: that must record nothing (promise R3)."""
        try:
            events = self._decider.decide(command, self._state)
        except DomainError as refusal:
            return Answer([], refusal)
        again = self._decider.decide(command, self._decider.fold(events, self._state))
        if again:
            raise AssertionError(f"sent twice, {command!r} was carried out twice; the second time:{_lines(again)}")
        return Answer(events, None)


def _lines(events: object) -> str:
    items = list(events) if isinstance(events, list | tuple) else [events]
    return "".join(f"\n  {item!r}" for item in items) or " nothing"
