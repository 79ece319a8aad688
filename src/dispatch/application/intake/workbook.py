"""Rows of an .xlsx workbook: its first visible sheet, read row by row."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dispatch.application.intake.layout import Layout, find_positions
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.refused import FileRefused, file_empty
from dispatch.application.intake.workbook_parts import (
    TEXT_CHARACTERS_MAX,
    Parts,
    local,
    new_parser,
    open_workbook,
    workbook_malformed,
)
from dispatch.application.intake.workbook_styles import Styles

COLUMNS_MAX = 16_384
ROWS_MAX = 1_048_576
"""What a sheet holds (Excel specifications and limits)."""
HEADER_CELLS_MAX = 1_000
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


Cells = dict[int, str]
SheetRow = tuple[int, Cells]
"""The number that the spreadsheet shows, and the cells by place."""


class WorkbookRecords:
    """Iterates over (data row from 1, row of the sheet from 1, cells). Rows without a value are not counted.

    Raises while iterating:
        FileRefused: `workbook_unreadable` and the others of `open_workbook`, or `field_too_long`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes = path.stat().st_size
        self._share = 0.0

    @property
    def bytes_read(self) -> int:
        """How far into the file the reader is, about, for progress bars."""
        return round(self._share * self._bytes)

    def __iter__(self) -> Iterator[tuple[int, int, list[str]]]:
        width = 0
        with open_workbook(self._path) as parts:
            sheet = _Sheet(parts)
            for row, (number, found) in enumerate(sheet.rows()):
                if row == 0:
                    width = len(_header(found))
                    continue
                self._share = sheet.share
                # A value beside the table is a fault of its row, as one cell too many is in CSV.
                size = width if max(found) < width else min(max(found) + 1, width + 1)
                yield row, number, [found.get(place, "") for place in range(size)]


def workbook_layout(path: Path, profile: Profile) -> Layout:
    """The layout of a workbook.

    Raises:
        FileRefused: `file_empty`, `header_missing`, `columns_missing`, `columns_duplicated`, or as `open_workbook`.
    """
    with open_workbook(path) as parts:
        number, cells = next(_Sheet(parts).rows(), (0, {}))
    if not cells:
        raise file_empty()
    header = _header(cells)
    positions, ignored = find_positions(header, profile, f"the header, row {number} of the sheet")
    return Layout(
        delimiter="",
        header=tuple(header),
        positions=positions,
        ignored=ignored,
        newline="\n",
        has_bom=False,
        format="workbook",
    )


def sheet_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold a value, with their numbers in the sheet. Raises FileRefused as `WorkbookRecords`."""
    with open_workbook(path) as parts:
        for number, cells in _Sheet(parts).rows():
            yield number, [cells.get(place, "") for place in range(min(max(cells) + 1, HEADER_CELLS_MAX))]


def _header(cells: Cells) -> list[str]:
    return [cells.get(place, "") for place in range(min(max(cells) + 1, HEADER_CELLS_MAX))]


class _Place(NamedTuple):
    """Where things are in the archive."""

    sheet: str
    strings: str | None
    styles: str | None
    is_1904: bool


class _Sheet:
    """The first visible sheet. `share` is how much of it was read."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._place = _find_sheet(parts)
        self._strings = _read_strings(parts, self._place.strings) if self._place.strings else []
        self._styles = Styles(parts, self._place.styles, is_1904=self._place.is_1904)
        self._rows: list[SheetRow] = []
        self._number = 0
        self._cells: Cells = {}
        self._column = -1
        self._kind, self._style = "n", ""
        self._text: list[str] = []
        self._characters = 0
        self._takes = False
        self._phonetic = False
        self.share = 0.0

    def rows(self) -> Iterator[SheetRow]:
        """The rows that hold a value."""
        parser = new_parser(self._start, self._end, self._take)
        size, read = max(1, self._parts.size(self._place.sheet)), 0
        for piece in self._parts.pieces(self._place.sheet):
            parser.Parse(piece, False)
            read += len(piece)
            self.share = read / size
            yield from self._rows
            self._rows.clear()
        parser.Parse(b"", True)
        yield from self._rows

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        tag = local(tag)
        if tag == "c":
            reference = _REFERENCE.fullmatch(attributes.get("r", ""))
            self._column = _column(reference[1]) if reference else self._column + 1
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._text, self._characters = [], 0
        elif tag == "row":
            number = attributes.get("r", "")
            self._number = int(number) if number.isdecimal() and len(number) < 8 else self._number + 1
            self._column = -1
        elif tag == "rPh":
            self._phonetic = True
        elif tag in {"v", "t"}:
            self._takes = not self._phonetic

    def _take(self, text: str) -> None:
        if self._takes:
            self._text.append(text)
            self._characters += len(text)
            if self._characters > TEXT_CHARACTERS_MAX:
                what = f"a cell is longer than {TEXT_CHARACTERS_MAX:,} characters"
                raise FileRefused("field_too_long", what, f"row {self._number} of the sheet", "shorten it")

    def _end(self, tag: str) -> None:
        tag = local(tag)
        if tag in {"v", "t"}:
            self._takes = False
        elif tag == "c":
            if self._text and self._column < COLUMNS_MAX:
                self._keep("".join(self._text))
        elif tag == "row":
            if self._cells:
                if self._number > ROWS_MAX:
                    raise workbook_malformed(f"it has a row {self._number:,}")
                self._rows.append((self._number, self._cells))
            self._cells = {}
        elif tag == "rPh":
            self._phonetic = False

    def _keep(self, text: str) -> None:
        try:
            match self._kind:
                case "s":
                    text = self._strings[int(text)]
                case "b":
                    text = "yes" if text.strip() == "1" else "no"
                case "d":
                    text = text[:10]
                case "n":
                    text = self._styles.text(text.strip(), self._style)
        except (ValueError, IndexError):
            raise workbook_malformed(f"a cell in row {self._number:,} does not hold what it says") from None
        text = text.strip().replace("\0", "")  # Nothing stores a NUL.
        if text:
            self._cells[self._column] = text


def _column(letters: str) -> int:
    """`A` is 0, `XFD` 16383."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _find_sheet(parts: Parts) -> _Place:
    """The first sheet that people see when they open the workbook."""
    book = next((name for _, kind, name in parts.related("") if kind == "officeDocument"), "")
    if book.lower().endswith(".bin"):
        raise workbook_malformed("this is a binary workbook (.xlsb)")
    if not book.lower().startswith("xl/"):
        raise workbook_malformed("this is an Office document and no workbook")
    visible: list[str] = []
    is_1904 = False

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        nonlocal is_1904
        tag = local(tag)
        if tag == "workbookPr":
            is_1904 = attributes.get("date1904", "0") in {"1", "true"}
        elif tag == "sheet" and attributes.get("state", "visible") == "visible":
            visible.extend(value for name, value in attributes.items() if name != local(name) and local(name) == "id")

    parts.parse(book, start)
    related = parts.related(book)
    sheets = {key: name for key, kind, name in related if kind == "worksheet"}
    kinds = {kind: name for _, kind, name in related}
    sheet = next((sheets[key] for key in visible if key in sheets), None)
    if sheet is None:
        raise workbook_malformed("it has no visible sheet")
    return _Place(sheet, kinds.get("sharedStrings"), kinds.get("styles"), is_1904)


def _read_strings(parts: Parts, name: str) -> list[str]:
    """The texts that cells refer to by number; readings that a cell shows above its text are left out."""
    strings: list[str] = []
    pieces: list[str] = []
    takes = phonetic = False

    def start(tag: str, _: Mapping[str, str]) -> None:
        nonlocal takes, phonetic
        tag = local(tag)
        phonetic = phonetic or tag == "rPh"
        takes = tag == "t" and not phonetic

    def end(tag: str) -> None:
        nonlocal takes, phonetic
        tag = local(tag)
        takes = False
        if tag == "rPh":
            phonetic = False
        elif tag == "si":
            strings.append("".join(pieces))
            pieces.clear()

    def take(text: str) -> None:
        if takes:
            pieces.append(text)

    parts.parse(name, start, end, take)
    return strings
