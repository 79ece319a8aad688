"""One row: its cells to values, what is wrong with them, and the good row that they make."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from dispatch.application.intake.advice import advice, found
from dispatch.application.intake.fields import ValueRefused, reader_of
from dispatch.application.intake.layout import DELIMITERS, Layout
from dispatch.application.intake.profiles import Column, Profile
from dispatch.domain.consent import Permission
from dispatch.domain.person import Person
from dispatch.domain.rows import RowCode, RowError

BROKEN = {
    RowCode.NOT_AN_OBJECT: ("one JSON object a row", 'write it as {"column": "value", ...}'),
    RowCode.NESTED: (
        "a text, a number, true, false or null",
        "send the value itself, not an object or array around it",
    ),
    RowCode.TWICE: ("each column once", "keep one of the keys that mean this column"),
}
"""What is expected of a row that could not be taken apart, and how to mend it."""
EMPTY = ("", None)
"""What an empty cell of a column that may stand in a group reads as; and an empty cell itself."""
WHOLE_ROW = "row"
"""Stands for the column of an error that concerns the row as a whole."""


class GoodRow(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
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


class BrokenCells(list[str]):
    """A row that could not be taken apart into cells: it is refused as a whole, or for the value at one place."""

    def __init__(self, code: RowCode, place: int | str, found: str) -> None:
        super().__init__()
        self.code, self.place, self.found = code, place, found


class RowReader:
    """Reads rows of one layout by one profile."""

    def __init__(self, profile: Profile, layout: Layout) -> None:
        self._columns = profile.columns
        self._readers = [reader_of(column) for column in profile.columns]
        pick = itemgetter(*layout.positions)
        # Position -1, a column that the file does not have, is an empty cell at the end.
        self._texts = pick if -1 not in layout.positions else lambda cells: pick([*cells, ""])
        self._width = len(layout.header)
        self._delimiter = DELIMITERS.get(layout.delimiter, "delimiter")
        self._key_at = profile.columns.index(profile.column(profile.natural_key))
        self.groups = groups_of(profile)

    def __call__(self, cells: list[str]) -> list[Any]:
        """The values in the order of the profile's columns. Raises ValueRefused for the first bad one."""
        if len(cells) != self._width:
            raise ValueRefused(RowCode.CELLS)
        values = [read(text) for read, text in zip(self._readers, self._texts(cells), strict=True)]
        if any(lacks(values, group) for group in self.groups):
            raise ValueRefused(RowCode.MISSING)
        return values

    def natural_key(self, values: list[Any]) -> str:
        """The row's natural key, without regard to case."""
        return str(values[self._key_at]).upper()

    def refusals(self, cells: list[str]) -> list[Refusal]:
        """Everything that is wrong with a row that `__call__` refused; at most one refusal a column."""
        if isinstance(cells, BrokenCells):
            column = self._columns[cells.place] if isinstance(cells.place, int) else None
            return [Refusal(cells.code, column, cells.found)]
        if len(cells) != self._width:
            return [Refusal(RowCode.CELLS, None, f"{len(cells)} cells")]
        refusals = []
        for column, read, text in zip(self._columns, self._readers, self._texts(cells), strict=True):
            try:
                read(text)
            except ValueRefused as refused:
                refusals.append(Refusal(refused.code, column, text))
        texts = [text.strip() for text in self._texts(cells)]
        return refusals + [
            Refusal(RowCode.MISSING, self._columns[group[0]], "") for group in self.groups if lacks(texts, group)
        ]

    def explain(self, refusal: Refusal, row: int, line: int) -> RowError:
        """The refusal in words, without any personal value."""
        code, column, text = refusal
        if code in BROKEN:
            expected, fix = BROKEN[code]
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


def groups_of(profile: Profile) -> list[tuple[int, ...]]:
    """The places of the columns of each group of which a row must fill one."""
    place = {column.name: at for at, column in enumerate(profile.columns)}
    return [tuple(place[name] for name in group) for group in profile.at_least_one_of]


def lacks(values: Sequence[Any], group: tuple[int, ...]) -> bool:
    """Is none of these places filled? Zero is a value."""
    return all(values[at] in EMPTY for at in group)


def good_row_maker(profile: Profile) -> Callable[[int, str, Sequence[Any]], GoodRow]:
    """A function of row number, natural key and values (as `RowReader` reads them) to the good row."""
    own = _picker(fields_under(profile, ""))
    person = _picker(fields_under(profile, "person."))
    permission = _picker(fields_under(profile, "permission."))
    details = [(column.name, i) for i, column in enumerate(profile.columns) if column.to == "details"]
    fixed_details = profile.details
    fixed: dict[str, Any] = {"service": profile.fixed.service} if profile.fixed.service else {}
    fixed |= {} if profile.fixed.price_pence is None else {"price_pence": profile.fixed.price_pence}

    def make(row: int, key: str, values: Sequence[Any]) -> GoodRow:
        return GoodRow(
            row=row,
            natural_key=key,
            person=Person(**person(values)),
            permission=Permission(**permission(values)),
            details=fixed_details | {name: str(values[i]) for name, i in details if values[i]},
            **fixed,
            **own(values),
        )

    return make


def fields_under(profile: Profile, prefix: str) -> dict[str, int]:
    """The fields that belong under a prefix of `Column.to`, with the place of each one's column."""
    return {
        column.to.removeprefix(prefix): i
        for i, column in enumerate(profile.columns)
        if column.to.startswith(prefix) and "." not in column.to.removeprefix(prefix) and column.to != "details"
    }


def _picker(places: dict[str, int]) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """A function that picks the values of these places, by field."""
    if len(places) < 2:  # With one place itemgetter answers the value alone.
        return lambda values: {field: values[i] for field, i in places.items()}
    pick = itemgetter(*places.values())
    return lambda values: dict(zip(places, pick(values), strict=True))
