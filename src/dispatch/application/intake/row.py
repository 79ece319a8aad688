"""One row: its cells to values, what is wrong with them, and the good row that they make."""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from dispatch.application.intake.advice import advice, found
from dispatch.application.intake.fields import ValueRefused, reader_of
from dispatch.application.intake.layout import DELIMITERS, Layout
from dispatch.application.intake.odd_rows import WHOLE, OddRow, is_odd, odd_advice
from dispatch.application.intake.profiles import Column, Profile
from dispatch.domain.consent import Permission
from dispatch.domain.person import Person
from dispatch.domain.rows import RowCode, RowError

WHOLE_ROW = "row"
"""Stands for the column of an error that concerns the row as a whole."""


class GoodRow(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A row that becomes a job: what `OpenJob` needs to know of it."""

    row: int
    natural_key: str
    reference: str
    service: str
    price_pence: int
    person: Person
    permission: Permission
    details: dict[str, str]


class Refusal(NamedTuple):
    """A refused value, not yet put into words: most are only counted. No column: the row as a whole."""

    code: RowCode
    column: Column | None
    text: str


class RowReader:
    """Reads rows of one layout by one profile."""

    def __init__(self, profile: Profile, layout: Layout) -> None:
        self._columns = profile.columns
        self._readers = [reader_of(column) for column in profile.columns]
        pick = itemgetter(*layout.positions)
        # Position -1, a column that the file does not have, is an empty cell at the end.
        self._texts = pick if -1 not in layout.positions else lambda cells: pick([*cells, ""])
        self._positions = layout.positions
        self._width = len(layout.header)
        self._delimiter = DELIMITERS[layout.delimiter]
        self._key_at = profile.columns.index(profile.column(profile.natural_key))

    def __call__(self, cells: list[str]) -> list[Any]:
        """The values in the order of the profile's columns. Raises ValueRefused for the first bad one."""
        if len(cells) != self._width:
            raise ValueRefused(RowCode.CELLS)
        return [read(text) for read, text in zip(self._readers, self._texts(cells), strict=True)]

    def natural_key(self, values: list[Any]) -> str:
        """The row's natural key, without regard to case."""
        return str(values[self._key_at]).upper()

    def refusals(self, cells: list[str]) -> list[Refusal]:
        """Everything that is wrong with a row that `__call__` refused; at most one refusal a column."""
        odd: Mapping[int, tuple[RowCode, str]] = {}
        if isinstance(cells, OddRow):
            odd, cells = cells.odd, cells.cells
            if WHOLE in odd:
                return [Refusal(odd[WHOLE][0], None, odd[WHOLE][1])]
        if len(cells) != self._width:
            return [Refusal(RowCode.CELLS, None, f"{len(cells)} cells")]
        refusals = []
        for column, read, text, place in zip(
            self._columns, self._readers, self._texts(cells), self._positions, strict=True
        ):
            if place in odd:
                refusals.append(Refusal(odd[place][0], column, odd[place][1]))
                continue
            try:
                read(text)
            except ValueRefused as refused:
                refusals.append(Refusal(refused.code, column, text))
        return refusals

    def explain(self, refusal: Refusal, row: int, line: int) -> RowError:
        """The refusal in words, without any personal value."""
        code, column, text = refusal
        if is_odd(code):
            expected, fix = odd_advice(code, column)
            name = column.name if column else WHOLE_ROW
            return RowError(row=row, line=line, column=name, code=code, found=text, expected=expected, fix=fix)
        if column is None:
            expected = f"{self._width} cells, as in the header"
            fix = f'put a value that holds a {self._delimiter} into double quotes ("...")'
            return RowError(row=row, line=line, column=WHOLE_ROW, code=code, found=text, expected=expected, fix=fix)
        expected, fix = advice(column, code, text)
        return RowError(
            row=row, line=line, column=column.name, code=code, found=found(column, text), expected=expected, fix=fix
        )


def good_row_maker(profile: Profile) -> Callable[[int, str, list[Any]], GoodRow]:
    """A function of row number, natural key and values (as `RowReader` reads them) to the good row."""
    own = _fields_under(profile, "")
    person = _fields_under(profile, "person.")
    permission = _fields_under(profile, "permission.")
    details = [(column.name, i) for i, column in enumerate(profile.columns) if column.to == "details"]

    def make(row: int, key: str, values: list[Any]) -> GoodRow:
        return GoodRow(
            row=row,
            natural_key=key,
            person=Person(**person(values)),
            permission=Permission(**permission(values)),
            details={name: str(values[i]) for name, i in details if values[i]},
            **own(values),
        )

    return make


def _fields_under(profile: Profile, prefix: str) -> Callable[[list[Any]], dict[str, Any]]:
    """A function that picks the values which belong under a prefix, by field."""
    places = {
        column.to.removeprefix(prefix): i
        for i, column in enumerate(profile.columns)
        if column.to.startswith(prefix) and "." not in column.to.removeprefix(prefix) and column.to != "details"
    }
    if len(places) < 2:  # With one place itemgetter answers the value alone.
        return lambda values: {field: values[i] for field, i in places.items()}
    pick = itemgetter(*places.values())
    return lambda values: dict(zip(places, pick(values), strict=True))
