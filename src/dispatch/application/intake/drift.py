"""A supplier has changed the file: said once, instead of once a row.

A column of which nearly every value is refused is no column of bad values: it holds something else than before.
"""

from collections import Counter
from collections.abc import Sequence

from dispatch.application.intake.fields import ValueRefused, reader_of
from dispatch.application.intake.profiles import Column, Profile
from dispatch.domain.person import shape
from dispatch.domain.rows import RowCode

SHARE_FROM = 0.9
"""Of the judged rows so many refuse the column."""
ROWS_MIN = 20
"""In a smaller file it may be chance."""
VALUES_KEPT = 20
SHOWN_CHARACTERS = 24


class DriftWatch:
    """Counts what was refused in each column, and keeps some of it in memory, to say what it looks like."""

    def __init__(self) -> None:
        self._refused: dict[str, int] = {}
        self._codes: dict[str, RowCode] = {}
        self._values: dict[str, list[str]] = {}

    def add(self, column: Column | None, code: RowCode, text: str) -> None:
        """A refused value."""
        if column is None:
            return
        self._refused[column.name] = self._refused.get(column.name, 0) + 1
        self._codes.setdefault(column.name, code)
        values = self._values.setdefault(column.name, [])
        if len(values) < VALUES_KEPT:
            values.append(text.strip())

    def finding(self, profile: Profile, rows: int) -> str:
        """What has drifted, in words and without a value of a personal column; empty where nothing has."""
        if rows < ROWS_MIN:
            return ""
        found = [column for column in profile.columns if self._refused.get(column.name, 0) >= SHARE_FROM * rows]
        return "; ".join(self._told(column, profile, rows) for column in found)

    def _told(self, column: Column, profile: Profile, rows: int) -> str:
        count, code, values = self._refused[column.name], self._codes[column.name], self._values[column.name]
        told = f"Column {column.name}: {count:,} of {rows:,} values refused ({code.value})"
        if not any(values):
            return f"{told}; the column is empty"
        if others := _like(values, [other for other in profile.columns if other is not column]):
            return f"{told}; they look like values of {' or '.join(others)}"
        return f"{told}; they look like {_look(values)!r}"


def _like(values: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """The columns that would take these values and that do not take nearly everything."""
    telling = [column for column in columns if column.kind.value not in ("text", "choice", "yes_no", "whole_number")]
    return [column.name for column in telling if _fits(column, values)][:2]


def _fits(column: Column, values: Sequence[str]) -> bool:
    read, fitting = reader_of(column), 0
    for value in filter(None, values):
        try:
            read(value)
        except ValueRefused:
            continue
        fitting += 1
    return fitting >= SHARE_FROM * len(values)


def _look(values: Sequence[str]) -> str:
    """The shape that is most often there: letters as x, digits as 9."""
    [(form, _)] = Counter(shape(value, SHOWN_CHARACTERS) for value in values).most_common(1)
    return form
