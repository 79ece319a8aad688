"""The file in which people mend what was refused: the rows as they are, and beside each what is wrong with it."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from dispatch.application.batches import batch_events
from dispatch.application.intake.corrections import helper_names
from dispatch.application.intake.formats import layout_of
from dispatch.application.intake.kept import must_be_kept
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.overlay import fitted, read_overlay
from dispatch.application.intake.profiles import Profile, profile_named
from dispatch.application.intake.refused_rows import RefusedRow, refused_rows
from dispatch.application.ports.files import FileStore
from dispatch.application.ports.ledger import EventLedger
from dispatch.application.spreadsheet import guarded
from dispatch.domain.batch.approving import REFUSED_BY_A_PERSON
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import BatchRejected, Event
from dispatch.domain.batch.refusals import BatchNotJudged
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.errors import DomainError

ROWS_PER_PIECE = 500
BOM = "\ufeff"  # Without it Excel takes UTF-8 for the code page of the machine.
_ROWS_ARE_KNOWN = frozenset({"error_budget_exceeded", REFUSED_BY_A_PERSON})


class BatchUnreadable(DomainError):
    """The file breaks off in the middle, so its rows cannot be told apart: mend the file and upload it."""

    code = "batch_unreadable"


class Piece(NamedTuple):
    """Some of the file, and how many refused rows are in it."""

    content: bytes
    rows: int


@dataclass(frozen=True)
class WriteCorrectionFile:
    """The use case behind every door that hands the file out."""

    ledger: EventLedger
    files: FileStore

    def __call__(self, batch_id: str) -> Iterator[Piece]:
        """The file in pieces, in flat memory. It holds personal data.

        Raises, before the first piece is asked for:
            BatchUnknown, BatchNotJudged, BatchUnreadable: there are no rows to mend.
            FileRefused: `file_gone`.
            LedgerUnavailable: ask again.
        """
        events = batch_events(self.ledger, batch_id)
        batch = decider.fold(events)
        if batch.status is BatchStatus.UPLOADED:
            raise BatchNotJudged(batch_id)
        must_be_readable(batch_id, events)
        profile, path = profile_named(batch.profile), must_be_kept(self.files, batch_id, batch)
        layout = layout_of(path, profile)
        overlay = read_overlay(self.files, batch.corrections[: batch.corrections_judged], profile, layout)
        return pieces(refused_rows(path, profile, layout, overlay, batch.repaired), profile, layout)


def must_be_readable(batch_id: str, events: Sequence[Event]) -> None:
    """Raises BatchUnreadable where the batch was refused before its rows were known."""
    last = events[-1]
    if isinstance(last, BatchRejected) and last.code not in _ROWS_ARE_KNOWN:
        raise BatchUnreadable(batch_id, last.reason)


def pieces(refused: Iterable[RefusedRow], profile: Profile, layout: Layout) -> Iterator[Piece]:
    """Header and rows, each cell quoted (RFC 4180), with the delimiter of the batch's own file, if it has one."""
    yield Piece(BOM.encode() + _lines([[*layout.header, *helper_names(layout.header, profile)]], layout), 0)
    rows = iter(refused)
    while some := list(islice(rows, ROWS_PER_PIECE)):
        yield Piece(_lines(([*fitted(one.cells, layout), *_helpers(one)] for one in some), layout), len(some))


def _helpers(one: RefusedRow) -> tuple[str, ...]:
    """Several refusals of a row side by side, in the same order in each column."""
    each = [(error.code.value, error.column, error.expected, error.found, error.fix) for error in one.errors]
    return (str(one.row), *("; ".join(texts) for texts in zip(*each, strict=True)))


def _lines(rows: Iterable[Iterable[str]], layout: Layout) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=layout.delimiter or ",", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode()
