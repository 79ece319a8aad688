"""The records of a file one by one, with their places; a file that breaks in the middle is refused."""

import csv
import re
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from dispatch.application.intake.layout import BOM, Layout
from dispatch.application.intake.refused import FileRefused

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


class Place(NamedTuple):
    """Where a broken quote stands in a record: opened at, and closed at (None: never) or what follows it is wrong."""

    opened: int
    closed: int | None


class Records:
    """Iterates over (data row from 1, line on which it begins from 1, cells) in flat memory.

    Blank lines, and rows whose cells are all blank (spreadsheets append them), are skipped and not counted.

    Raises while iterating:
        FileRefused: `quote_unclosed`, `quote_misplaced`, `field_too_long`, `encoding_not_utf8` or `csv_malformed`.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path, self._layout = path, layout
        self._file: BufferedReader | None = None

    @property
    def bytes_read(self) -> int:
        """How far into the file the reader is, for progress bars."""
        return self._file.tell() if self._file else 0

    def __iter__(self) -> Iterator[tuple[int, int, list[str]]]:
        with self._path.open("rb") as file, _text(file, self._layout) as text:
            self._file = file
            reader = csv.reader(text, delimiter=self._layout.delimiter, strict=True)
            row, line = -1, 1  # The header is row 0.
            try:
                for cells in reader:
                    if cells and (cells[0].strip() or "".join(cells).strip()):
                        row += 1
                        if row:
                            yield row, line, cells
                    line = reader.line_num + 1
            except csv.Error as error:
                raise self._broken(row + 1, line, reader.line_num, error) from None
            except UnicodeDecodeError:
                what, where = "the file is not UTF-8 text", f"behind line {line}"
                raise FileRefused("encoding_not_utf8", what, where, "save it as CSV UTF-8") from None
            finally:
                self._file = None

    def _broken(self, row: int, line: int, line_last: int, error: csv.Error) -> FileRefused:
        """Which of the things that the csv module calls an error it was, and where it began."""
        with self._path.open("rb") as file, _text(file, self._layout) as text:
            record = "".join(islice(text, line - 1, line_last))
        quote = find_broken_quote(record, self._layout.delimiter)
        if quote is None:
            where = f"line {line}, row {row}"
            if "field larger" in str(error):
                what = f"a value is longer than {csv.field_size_limit():,} characters"
                return FileRefused("field_too_long", what, where, "shorten it or take it out")
            return FileRefused("csv_malformed", f"this is not a CSV row: {error}", where, "correct the line")
        where = f"line {line + len(_LINE_BREAK.findall(record[: quote.opened]))}, row {row}"
        if quote.closed is None or _LINE_BREAK.search(record[quote.opened : quote.closed]):
            what, fix = "a quote is opened and not closed", 'close it, or remove the "'
            return FileRefused("quote_unclosed", what, where, fix)
        what, fix = "a value goes on after its closing quote", 'write a quote inside a quoted value twice, as ""'
        return FileRefused("quote_misplaced", what, where, fix)


def check_quotes(path: Path, layout: Layout) -> None:
    """Read a file to its end for its quotes alone. Raises FileRefused as `Records`."""
    for _ in Records(path, layout):
        pass


def find_broken_quote(record: str, delimiter: str) -> Place | None:
    """The quote that breaks a record, if one does."""
    at = 0
    while at < len(record):
        if record[at] != '"':
            ends = [end for end in (record.find(mark, at) for mark in (delimiter, "\r", "\n")) if end >= 0]
            if not ends:
                return None
            at = min(ends) + 1
            continue
        opened = at
        at = record.find('"', at + 1)
        while at >= 0 and record[at + 1 : at + 2] == '"':
            at = record.find('"', at + 2)
        if at < 0:
            return Place(opened, None)
        if record[at + 1 : at + 2] not in ("", delimiter, "\r", "\n"):
            return Place(opened, at)
        at += 2
    return None


def _text(file: BufferedReader, layout: Layout) -> TextIOWrapper:
    file.seek(len(BOM) if layout.has_bom else 0)
    return TextIOWrapper(file, encoding="utf-8", newline="")
