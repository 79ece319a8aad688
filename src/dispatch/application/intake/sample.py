"""The beginning of a file of which nothing is known yet: its header and some rows."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from dispatch.application.intake.encoding import looks_like_utf16, utf16
from dispatch.application.intake.formats import HEAD_BYTES, Format, format_of
from dispatch.application.intake.json_rows import objects_of
from dispatch.application.intake.layout import BOM, DELIMITERS
from dispatch.application.intake.profiles import column_key
from dispatch.application.intake.refused import FileRefused, file_empty, no_rows
from dispatch.application.intake.workbook import sheet_rows

ROWS_MAX = 5_000
BYTES_MAX = 8 << 20


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What was read; a row has as many cells as the header."""

    format: Format
    delimiter: str  # Of CSV.
    header: tuple[str, ...]
    rows: list[list[str]]


def read_sample(path: Path) -> Sample:
    """At most 5,000 rows, and of CSV at most 8 MiB.

    Raises:
        FileRefused: the file is empty, has no rows, or cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.strip():
        raise file_empty()
    if looks_like_utf16(head[:200]):
        raise utf16()
    kind, delimiter = format_of(head), ""
    match kind:
        case Format.CSV:
            delimiter, rows = _csv(path)
        case Format.JSON:
            rows = _json(path)
        case Format.WORKBOOK:
            rows = (cells for _, cells in sheet_rows(path))
    header = next(rows, None)
    if header is None or not any(header):
        raise file_empty()
    while header and not header[-1].strip():
        header.pop()
    width = len(header)
    found = [(cells + [""] * width)[:width] for cells in islice(rows, ROWS_MAX) if any(cells)]
    if not found:
        raise no_rows()
    if twice := {cell for cell in header if [column_key(other) for other in header].count(column_key(cell)) > 1}:
        what = f"{len(twice)} headers are there twice"
        raise FileRefused("columns_duplicated", what, "the header", "give each column a name of its own")
    return Sample(format=kind, delimiter=delimiter, header=tuple(cell.strip() for cell in header), rows=found)


def _csv(path: Path) -> tuple[str, Iterator[list[str]]]:
    """The delimiter under which the rows agree best on how many cells they have, and the rows."""
    with path.open("rb") as file:
        data = file.read(BYTES_MAX).removeprefix(BOM)
        is_whole = not file.read(1)
    try:
        text = data.decode("utf-8") if is_whole else data[: data.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"the file is not UTF-8 text: byte {error.start}"
        raise FileRefused("encoding_not_utf8", what, "the file", 'save it as "CSV UTF-8"') from None

    def records(delimiter: str) -> Iterator[list[str]]:
        try:
            for cells in csv.reader(text.splitlines(keepends=True), delimiter=delimiter):
                if any(cell.strip() for cell in cells):
                    yield cells
        except csv.Error:
            return

    def agreement(delimiter: str) -> int:
        widths = [len(cells) for cells in islice(records(delimiter), 200)]
        return sum(width == widths[0] for width in widths) * (widths[0] > 1) * min(widths[0], 50) if widths else 0

    best = max(DELIMITERS, key=agreement)
    return best, records(best)


def _json(path: Path) -> Iterator[list[str]]:
    """The keys of the first rows are the header, in the order of their coming."""
    rows = list(islice(objects_of(path), ROWS_MAX))
    header = list(dict.fromkeys(key for row in rows for key in row))
    yield header
    for row in rows:
        yield [row.get(key, "") for key in header]
