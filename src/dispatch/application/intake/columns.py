"""Whole columns of cells to values, some ten times as fast as cell by cell; what is not plain is put to the reader.

Each kind of value has a form in which nearly all of its cells are written. A column is joined into one text, in which
one search of one pattern finds these cells; every other cell is read as `reader_of` reads it, so the values and the
refusals are the same. A kind without such a form is read cell by cell.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final

from dispatch.application.intake.fields import EMAIL, LOCAL_LENGTH_MAX, POSTCODE, Reader, ValueRefused, reader_of
from dispatch.application.intake.phones import WRITTEN, assigned
from dispatch.application.intake.profiles import Column, Kind

MEMO_ENTRIES_MAX = 16_384
MEMO_LENGTH_MAX = 64  # characters

ColumnReader = Callable[[Sequence[str], set[int]], Sequence[Any]]
"""From the cells of a column to their values; the places of those that are refused are added to the set."""

_REFUSED: Final = object()


def column_reader_of(column: Column) -> ColumnReader:
    """A reader of whole columns; it remembers values of columns that are not personal."""
    read = reader_of(column)
    if column.kind is Kind.TEXT:
        return _texts(column, read)
    if column.kind in _PLAIN:
        return _plain_or_read(_PLAIN[column.kind], read)
    return _by_cell(read) if column.personal else _remembered(read)


class _Memo(dict[str, Any]):
    """Remembers refusals too."""

    def __init__(self, read: Reader) -> None:
        super().__init__()
        self._read = read
        self.has_refused = False

    def __missing__(self, text: str) -> Any:  # noqa: ANN401 - a reader's value
        try:
            value = self._read(text)
        except ValueRefused:
            value, self.has_refused = _REFUSED, True
        if len(self) < MEMO_ENTRIES_MAX and len(text) <= MEMO_LENGTH_MAX:
            self[text] = value
        return value


def _remembered(read: Reader) -> ColumnReader:
    memo = _Memo(read)

    def values(cells: Sequence[str], refused: set[int]) -> Sequence[Any]:
        found = list(map(memo.__getitem__, cells))
        if memo.has_refused:
            refused.update(place for place, value in enumerate(found) if value is _REFUSED)
        return found

    return values


def _by_cell(read: Reader) -> ColumnReader:
    def values(cells: Sequence[str], refused: set[int]) -> Sequence[Any]:
        found: list[Any] = list(cells)
        _read_at(range(len(cells)), read, cells, found, refused)
        return found

    return values


def _read_at(places: Iterable[int], read: Reader, cells: Sequence[str], found: list[Any], refused: set[int]) -> None:
    for place in places:
        try:
            found[place] = read(cells[place])
        except ValueRefused:
            refused.add(place)


def _texts(column: Column, read: Reader) -> ColumnReader:
    """A text has runs of white space made one space; where that is all there is to do, it is done to all at once."""
    length_max, required, by_cell = column.length_max, column.required, _by_cell(read)

    def values(cells: Sequence[str], refused: set[int]) -> Sequence[Any]:
        joined = "\0".join(cells)
        tidy = " ".join(joined.split()).replace("\0 ", "\0").replace(" \0", "\0")
        found: Sequence[str] = cells if tidy == joined else tidy.split("\0")
        if len(found) != len(cells):  # A cell with a zero byte.
            return by_cell(cells, refused)
        if max(map(len, found)) > length_max or (required and "" in found):
            refused.update(
                place for place, text in enumerate(found) if len(text) > length_max or (required and not text)
            )
        return found

    return values


def _plain_or_read(plain: Callable[[Sequence[str]], Sequence[str]], read: Reader) -> ColumnReader:
    """`plain` answers the values of plain cells, and an empty text for every other one."""
    by_cell = _by_cell(read)

    def values(cells: Sequence[str], refused: set[int]) -> Sequence[Any]:
        found = list(plain(cells))
        if len(found) != len(cells):  # A cell with a line break.
            return by_cell(cells, refused)
        if "" in found:
            _read_at([place for place, value in enumerate(found) if not value], read, cells, found, refused)
        return found

    return values


def _lines(pattern: str) -> Callable[[str], list[str]]:
    """A function that answers, for each line of a text, the one group of `pattern` where it matches the whole line.

    The empty text where it does not. Inside `pattern`, the end of a line is `$`.
    """
    return re.compile(rf"^(?:{pattern}|.*)$", re.ASCII | re.MULTILINE).findall


_written = _lines(WRITTEN)
_email_lines = _lines(f"({EMAIL})")
_postcode_lines = _lines(f"((?:{POSTCODE[0]}) {POSTCODE[1]})")


@cache
def _assigned() -> Callable[[str], list[str]]:
    return _lines(f"({assigned()})")


def _phones(cells: Sequence[str]) -> Sequence[str]:
    """As `uk_phone` begins, and in its order: what is written, then whether this number is one."""
    numbers = _written("\n".join(cells).replace(" ", ""))
    if len(numbers) != len(cells):
        return ()
    return [number and f"+44{number}" for number in _assigned()("\n".join(numbers))]


def _emails(cells: Sequence[str]) -> Sequence[str]:
    joined = "\n".join(cells)
    found = _email_lines(joined)
    has_capitals = joined.lower() != joined
    # So short that neither part is too long. The domain goes into small letters: the reader does that.
    return [
        text if len(text) <= LOCAL_LENGTH_MAX and not (has_capitals and text.lower() != text) else "" for text in found
    ]


def _postcodes(cells: Sequence[str]) -> Sequence[str]:
    return _postcode_lines("\n".join(cells))


_PLAIN: dict[Kind, Callable[[Sequence[str]], Sequence[str]]] = {
    Kind.PHONE: _phones,
    Kind.EMAIL: _emails,
    Kind.POSTCODE: _postcodes,
}
