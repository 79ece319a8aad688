"""The one loop that records: load, decide, append; decide again where someone else wrote first."""

from collections.abc import Sequence
from typing import TypeVar, cast

from dispatch.application.ports.ledger import Append, Cause, EventLedger, VersionConflict
from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from dispatch.domain.events import Event

CONFLICTS_MAX = 8

C = TypeVar("C")
E = TypeVar("E", bound=Event)
S = TypeVar("S")


def handle(ledger: EventLedger, decider: Decider[C, E, S], stream: str, command: C, cause: Cause) -> list[E]:
    """Carry out one command on one stream; answers the events it made, none when it was carried out before.

    Raises:
        DomainError: a rule stands in the way; nothing is recorded.
        VersionConflict: others wrote to the stream again and again.
        LedgerUnavailable: the outcome is not known; the same command may be sent again.
    """
    conflict: VersionConflict | None = None
    for _ in range(CONFLICTS_MAX):
        history = ledger.load(stream)
        events = decider.decide(command, decider.fold(cast("Sequence[E]", history.events)))
        if not events:
            return []
        [answer] = ledger.append([Append(stream, history.version, events, cause)])
        if isinstance(answer, range):
            return events
        conflict = answer  # Someone wrote first: decide again, on what they wrote.
    raise conflict or VersionConflict(stream, 0, 0)


def handle_many(
    ledger: EventLedger, decider: Decider[C, E, S], commands: Sequence[tuple[str, C]], cause: Cause
) -> dict[str, list[E] | DomainError]:
    """Carry out one command on each of many streams with one load and one append; a refusal is that stream's answer.

    Raises:
        ValueError: two commands for one stream: the second must see what the first has made.
        VersionConflict, LedgerUnavailable: as `handle`; what was recorded stays, and repeating is harmless.
    """
    results: dict[str, list[E] | DomainError] = {}
    waiting = dict(commands)
    if len(waiting) != len(commands):
        raise ValueError("one call carries out one command per stream: send the second afterwards")
    conflict: VersionConflict | None = None
    for _ in range(CONFLICTS_MAX):
        histories = ledger.load_many(list(waiting))
        appends: list[Append] = []
        for stream, command in waiting.items():
            history = histories[stream]
            try:
                events = decider.decide(command, decider.fold(cast("Sequence[E]", history.events)))
            except DomainError as refusal:
                results[stream] = refusal
                continue
            results[stream] = events
            if events:
                appends.append(Append(stream, history.version, events, cause))
        answers = ledger.append(appends)
        conflicts = [answer for answer in answers if isinstance(answer, VersionConflict)]
        if not conflicts:
            return results
        conflict = conflicts[0]
        waiting = {answer.stream: waiting[answer.stream] for answer in conflicts}
    raise conflict or VersionConflict("", 0, 0)
