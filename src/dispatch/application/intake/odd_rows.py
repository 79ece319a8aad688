"""Rows whose cells cannot be put to the readers, which only know text: what is odd about them, in words."""

import re
from collections.abc import Mapping

from dispatch.application.intake.profiles import Column
from dispatch.domain.rows import RowCode

UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""What a JSON escape can spell and no database stores as text: NUL, and half of a surrogate pair."""
WHOLE = -1
"""The place of an oddity that concerns the row as a whole."""

_EXPECTED = {
    RowCode.NOT_JSON: "one JSON object, whole and on one line",
    RowCode.NOT_OBJECT: "a JSON object whose keys are the columns",
    RowCode.NESTED: "text, a number, true, false or null",
    RowCode.REPEATED: "one key for this column",
    RowCode.UNWRITABLE: "text without NUL and without half characters",
    RowCode.CELL_ERROR: "a value",
}
_FIX = {
    RowCode.NOT_JSON: "check quotes, commas and braces of this line",
    RowCode.NOT_OBJECT: 'write the row as {"column": "value", ...}',
    RowCode.NESTED: "give this column one plain value",
    RowCode.REPEATED: "keep one of the keys that mean this column",
    RowCode.UNWRITABLE: "take \\u0000 and lone \\uD800 to \\uDFFF out",
    RowCode.CELL_ERROR: "correct the formula of this cell, or write the value itself",
}


class OddRow(list[str]):
    """The cells of a row that cannot be read; empty as a list, so that it fits no layout.

    Args:
        odd: by place of the cell (or `WHOLE`), what is odd there and what was found, which is never a value of the row.
        cells: those that are not odd can be judged.
    """

    def __init__(self, odd: Mapping[int, tuple[RowCode, str]], cells: list[str] | None = None) -> None:
        super().__init__()
        self.odd, self.cells = odd, cells or []


def unwritable(cells: list[str]) -> dict[int, tuple[RowCode, str]]:
    """The cells that no database stores as text."""
    return {
        place: (RowCode.UNWRITABLE, f"U+{ord(match[0]):04X}")
        for place, cell in enumerate(cells)
        if (match := UNWRITABLE.search(cell))
    }


def is_odd(code: RowCode) -> bool:
    """Is this the code of an oddity?"""
    return code in _EXPECTED


def odd_advice(code: RowCode, column: Column | None) -> tuple[str, str]:
    """What was expected, and how to mend it."""
    if code is RowCode.REPEATED and column is not None:
        return f"one key for {column.name}", _FIX[code]
    return _EXPECTED[code], _FIX[code]
