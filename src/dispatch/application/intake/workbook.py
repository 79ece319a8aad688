"""Rows of a workbook (XLSX, ECMA-376): the first sheet, whose first row that is not blank is the header.

What people typed is turned into the text that they would have typed into a CSV file: 89 and not 89.0, a day and not a
midnight. The workbook is read whole, so what it unpacks to may not be large.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from dispatch.application.intake.layout import Layout, find_positions
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.refused import FileRefused, file_empty

UNPACKED_BYTES_MAX = 256 << 20
PARTS_MAX = 2_000
CELLS_PER_ROW_MAX = 2_000
SHEET = "xl/workbook.xml"


def workbook_layout(path: Path, profile: Profile) -> Layout:
    """The layout of the first sheet.

    Raises:
        FileRefused: `workbook_unreadable`, `workbook_too_large`, `file_empty`, and from the header `header_missing`,
            `columns_missing` or `columns_duplicated`.
    """
    for line, cells in _rows(path):
        while cells and not cells[-1]:
            cells.pop()
        positions, ignored = find_positions(cells, profile, f"the header, row {line} of the sheet")
        return Layout(
            delimiter="",
            header=tuple(cells),
            positions=positions,
            ignored=ignored,
            newline="\n",
            has_bom=False,
            format="workbook",
        )
    raise file_empty()


class WorkbookRecords:
    """Iterates over (data row from 1, row of the sheet from 1, cells); blank rows are skipped and not counted.

    Raises while iterating: FileRefused, `workbook_unreadable` or `workbook_too_large`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.bytes_read = 0

    def __iter__(self) -> Iterator[tuple[int, int, list[str]]]:
        size, width = self._path.stat().st_size, 0
        for row, (line, cells) in enumerate(_rows(self._path)):
            if row == 0:  # The header: what stands to the right of it belongs to no column.
                while cells and not cells[-1]:
                    cells.pop()
                width = len(cells)
                continue
            yield row, line, (cells + [""] * width)[:width] if not any(cells[width:]) else cells
        self.bytes_read = size


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    _check_size(path)
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            if not workbook.sheet_names:
                raise file_empty()
            sheet: CalamineSheet = workbook.get_sheet_by_index(0)
            first = (sheet.start or (0, 0))[0]  # Rows above the first value are not given.
            for line, row in enumerate(sheet.iter_rows(), first + 1):
                if len(row) > CELLS_PER_ROW_MAX:
                    what = f"a row has more than {CELLS_PER_ROW_MAX:,} cells"
                    raise FileRefused(
                        "workbook_too_large", what, f"row {line} of the sheet", "remove what is not needed"
                    )
                cells = [_text(cell) for cell in row]
                if any(cells):
                    yield line, cells
    except CalamineError:
        what, fix = "the workbook cannot be read", "open it, save it again as .xlsx, or save the sheet as CSV UTF-8"
        raise FileRefused("workbook_unreadable", what, "the file", fix) from None


def _check_size(path: Path) -> None:
    """A few kilobytes can unpack to many gigabytes: what the archive says of itself is checked before it is opened."""
    try:
        with ZipFile(path) as archive:
            parts = archive.infolist()
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        parts = []
    if SHEET not in {part.filename for part in parts}:
        what = "this archive is no workbook, or a broken one"
        raise FileRefused("workbook_unreadable", what, "the file", "save the sheet as .xlsx or as CSV UTF-8")
    if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
        what = f"the workbook unpacks to more than {UNPACKED_BYTES_MAX:,} bytes"
        raise FileRefused("workbook_too_large", what, "the file", "save the sheet as CSV UTF-8")


def _text(cell: Any) -> str:  # noqa: ANN401 - whatever a cell holds
    match cell:
        case str():
            return cell.strip()
        case bool():
            return "yes" if cell else "no"
        case float():
            return str(int(cell)) if cell.is_integer() else f"{cell:.12g}"
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
        case _:
            return str(cell)
