"""Take batches in by turns, each for a slice of time, so that a large file holds up no small one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Protocol, cast

import msgspec

from dispatch.application.intake.undo import AttemptsUnderWay
from dispatch.application.ports.intake_sheet import BatchFacts, IntakeSheet
from dispatch.application.ports.ledger import EventLedger, LedgerUnavailable
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import BatchReceived, Event
from dispatch.domain.batch.state import ADMITTED, BatchStatus

SLICE_S = 2.0
FILE_MISSING = "file_missing"
_UNFINISHED = frozenset({BatchStatus.UPLOADED, BatchStatus.ADMITTING, BatchStatus.UNDOING})


class TakeIn(Protocol):
    """Takes a batch as far as it can go, or until it is asked to stop between two chunks."""

    def __call__(self, batch_id: str, *, until: Callable[[], bool]) -> BatchStatus | None: ...


class Outcome(StrEnum):
    """How a turn ended."""

    DONE = "done"
    PUT_BACK = "put_back"
    FAILED = "failed"


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that is over. `failures` in a row, and the cause of the last one, where it failed."""

    batch_id: str
    outcome: Outcome
    status: BatchStatus | None = None
    failures: int = 0
    cause: str = ""


class Slice:
    """Says between two chunks whether a turn is over: when its time is up and another batch wants it, or at a stop.

    A turn lasts two seconds, or as long as it took to come to its first chunk: an interrupted import reads its file
    again up to where it was, and must not spend its turns on that.
    """

    def __init__(
        self, is_wanted: Callable[[], bool], is_stopping: Callable[[], bool], clock: Callable[[], float] = monotonic
    ) -> None:
        self._is_wanted, self._is_stopping, self._clock = is_wanted, is_stopping, clock
        self._begun_at = clock()
        self._over_at: float | None = None

    def __call__(self) -> bool:
        if self._is_stopping():
            return True
        now = self._clock()
        if self._over_at is None:
            self._over_at = now + max(SLICE_S, now - self._begun_at)
        return now >= self._over_at and self._is_wanted()


@dataclass(frozen=True)
class TakeTurns:
    """The use case behind the intake role: one turn a call. Any number of workers may call at once."""

    ledger: EventLedger
    sheet: IntakeSheet
    take_in: TakeIn
    workers: int = 1

    def __call__(self, worker: str, is_stopping: Callable[[], bool] = lambda: False) -> Served | None:
        """Serve the next batch; None when nothing waits.

        Whatever a batch fails for is noted on the sheet, and others are served meanwhile.

        Raises:
            LedgerUnavailable: nothing is lost; the turn comes again.
        """
        turn = self.sheet.take(worker, workers=self.workers)
        if turn is None:
            return None
        until = Slice(lambda: self.sheet.is_wanted(turn), is_stopping)
        try:
            status = self.take_in(turn.batch_id, until=until)
        except LedgerUnavailable:
            raise
        except AttemptsUnderWay:  # An undo waits for answers of providers: no failure, and others come first.
            self.sheet.put_back(turn)
            return Served(batch_id=turn.batch_id, outcome=Outcome.PUT_BACK, status=BatchStatus.UNDOING)
        except Exception as error:
            cause = _cause(error)
            failures = self.sheet.failed(turn, cause)
            return Served(batch_id=turn.batch_id, outcome=Outcome.FAILED, failures=failures, cause=cause)
        self.note(turn.batch_id)
        if status in _UNFINISHED:
            self.sheet.put_back(turn)
            return Served(batch_id=turn.batch_id, outcome=Outcome.PUT_BACK, status=status)
        self.sheet.done(turn)
        return Served(batch_id=turn.batch_id, outcome=Outcome.DONE, status=status)

    def note(self, batch_id: str) -> None:
        """Put what the ledger says of a batch on the sheet, where the views are behind. Raises LedgerUnavailable."""
        facts = batch_facts(self.ledger, batch_id)
        if facts is not None:
            self.sheet.note(facts)


def batch_facts(ledger: EventLedger, batch_id: str) -> BatchFacts | None:
    """What the ledger says of a batch now; None where there is none. Raises LedgerUnavailable."""
    events = cast("Sequence[Event]", ledger.load(batch_id).events)
    if not events or not isinstance(received := events[0], BatchReceived):
        return None
    batch = decider.fold(events)
    corrections_wait = batch.status in ADMITTED and batch.corrections_judged < len(batch.corrections)
    return BatchFacts(
        batch_id=batch_id,
        file_name=received.file_name,
        file_bytes=received.file_bytes,
        status=batch.status or BatchStatus.UPLOADED,
        priority=batch.priority,
        value_pence=batch.value_pence,
        received_at=received.at,
        needs_intake=batch.status in _UNFINISHED or corrections_wait,
        position=ledger.head(),
    )


def _cause(error: Exception) -> str:
    """What failed, without the words of the error, which may hold values of a row."""
    return FILE_MISSING if isinstance(error, FileNotFoundError) else type(error).__name__
