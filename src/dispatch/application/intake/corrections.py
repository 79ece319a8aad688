"""A file of corrected rows: which rows it names, and their cells in the layout of the batch's own file."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dispatch.application.intake.formats import layout_of, records_of
from dispatch.application.intake.layout import DELIMITERS, Layout
from dispatch.application.intake.profiles import Profile, column_key
from dispatch.application.intake.refused import FileRefused, no_rows
from dispatch.application.spreadsheet import unguarded

HELPERS = ("row", "code", "field", "expected", "found", "fix")
"""The columns that stand beside those of the batch's file; on the way back only the first one counts."""
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_BETWEEN = "\0"  # No file that was taken holds one.


class Correction:
    """Cells by row number. A row is one text in memory: there may be hundreds of thousands of them."""

    def __init__(self, places: Sequence[int], rows: Mapping[int, str]) -> None:
        self._places, self._rows = places, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row: int) -> bool:
        return row in self._rows

    def over(self, row: int, cells: list[str]) -> list[str]:
        """These cells, in which those that the correction brings for this row stand in the place of the old ones."""
        corrected = list(cells)
        for place, value in zip(self._places, self._rows[row].split(_BETWEEN), strict=True):
            corrected[place] = value
        return corrected


def helper_names(header: Sequence[str], profile: Profile) -> tuple[str, ...]:
    """The helper columns under names that neither this header nor the profile uses: `row`, or else `row_2`."""
    taken = {column_key(cell) for cell in header} | {key for column in profile.columns for key in column.header_keys()}
    return tuple(_free(name, taken) for name in HELPERS)


def read_correction(path: Path, profile: Profile, original: Layout) -> Correction:
    """Read a file of corrected rows; its columns may stand in any order.

    Args:
        path: the file.
        profile: that of the batch.
        original: the layout of the batch's own file.

    Raises:
        FileRefused: `row_column_missing`, `row_number_invalid`, `row_number_repeated`, `column_not_in_file`,
            `row_cells_surplus`, `no_rows`; and those of `find_layout` and `Records`.
    """
    layout = layout_of(path, profile)
    row_at = _row_at(layout, helper_names(original.header, profile)[0])
    both = list(zip(profile.columns, original.positions, layout.positions, strict=True))
    if extra := [column.name for column, here, there in both if here < 0 <= there]:
        what = f"the batch's own file has no column {', '.join(extra)}"
        raise FileRefused("column_not_in_file", what, "the header", "take the column out, or upload a whole new file")
    places = [(here, there) for _, here, there in both if here >= 0 and there >= 0]
    width, rows = len(layout.header), dict[int, str]()
    for _, line, found in records_of(path, layout):
        if any(cell.strip() for cell in found[width:]):
            what = f"a row has {len(found)} cells, the header {width}"
            fix = f'put a value that holds a {DELIMITERS.get(layout.delimiter, "delimiter")} into double quotes ("...")'
            raise FileRefused("row_cells_surplus", what, f"line {line}", fix)
        cells = found + [""] * (width - len(found))  # Spreadsheets leave out empty cells at the end.
        row = _number(cells[row_at], line)
        if row in rows:
            what, fix = f"row {row:,} is there twice", "keep one line for each row"
            raise FileRefused("row_number_repeated", what, f"line {line}", fix)
        rows[row] = _BETWEEN.join(unguarded(cells[there]) for _, there in places)
    if not rows:
        raise no_rows()
    return Correction([here for here, _ in places], rows)


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while column_key(free) in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _row_at(layout: Layout, name: str) -> int:
    found = [place for place, cell in enumerate(layout.header) if column_key(cell) == column_key(name)]
    if len(found) != 1:
        what = f"the column {name} is there twice" if found else f"there is no column {name}"
        fix = "take the file of `dispatch batch errors BATCH --corrections FILE` and keep its columns"
        raise FileRefused("row_column_missing", what, "the header", fix)
    return found[0]


def _number(cell: str, line: int) -> int:
    text = unguarded(cell).strip()
    if not _NUMBER.fullmatch(text):
        what = "a row number is not a number" if text else "a row number is missing"
        raise FileRefused("row_number_invalid", what, f"line {line}", "write the number that stood there")
    return int(text)
