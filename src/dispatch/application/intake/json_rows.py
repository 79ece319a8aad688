"""Rows as JSON objects: one a line (NDJSON), an array of them, an object with the array `rows`, or a single one.

Lines are streamed. An array has to be read whole, so it may not be large. The keys are what a header is in CSV: case,
blanks and separators make no difference, aliases are known, and keys that the profile does not know are not kept.
"""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from dispatch.application.intake.layout import BOM, Layout
from dispatch.application.intake.profiles import Profile, column_key
from dispatch.application.intake.refused import FileRefused
from dispatch.application.intake.row import BrokenCells
from dispatch.domain.rows import RowCode

WHOLE_BYTES_MAX = 32 << 20
LINE_BYTES_MAX = 1 << 20
ROWS = "rows"

# Numbers stay as they are written: 89.10 is a price, and no float.
_DECODE = msgspec.json.Decoder(float_hook=str).decode
_RAW = msgspec.json.Decoder(list[msgspec.Raw])
_WHOLE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BREAK = re.compile(rb"\r\n|\n|\r")


def json_layout(profile: Profile) -> Layout:
    """Cells in the order of the profile's columns: each object says for itself which of them it has."""
    return Layout(
        delimiter="",
        header=tuple(column.name for column in profile.columns),
        positions=tuple(range(len(profile.columns))),
        ignored=(),
        newline="\n",
        has_bom=False,
        format="json",
        names=tuple(tuple(sorted(column.header_keys())) for column in profile.columns),
    )


def objects_of(path: Path) -> Iterator[dict[str, str]]:
    """Rows as texts by the keys as they are written; what is no row of plain values is left out.

    Raises FileRefused as `JsonRecords`.
    """
    nothing = Layout(delimiter="", header=(), positions=(), ignored=(), newline="\n", has_bom=False)
    for _, text in JsonRecords(path, nothing).objects():
        try:
            found = _DECODE(text)
        except (msgspec.MsgspecError, RecursionError):
            continue
        if isinstance(found, dict):
            yield {key: _text(value) for key, value in found.items() if not isinstance(value, dict | list)}


class JsonRecords:
    """Iterates over (data row from 1, line on which it begins from 1, cells).

    What is no object, or has a value that is no text, number or truth value, is a refused row, not a refused file.

    Raises while iterating:
        FileRefused: `json_malformed`: an array that does not end or does not hold objects; `json_too_large`.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path = path
        self._width = len(layout.header)
        self._place = {key: place for place, names in enumerate(layout.names) for key in names}
        self._places: dict[str, int] = {}  # By key as it is written, -1 for what is not known.
        self.bytes_read = 0

    def __iter__(self) -> Iterator[tuple[int, int, list[str]]]:
        for row, (line, text) in enumerate(self.objects(), 1):
            yield row, line, self._cells(text)

    def objects(self) -> Iterator[tuple[int, bytes | msgspec.Raw]]:
        """What stands where a row is expected, with the line on which it begins."""
        with self._path.open("rb") as file:
            lines = ((number, text) for number, text in enumerate(_lines(file), 1) if text.strip())
            first = next(lines, (1, b""))
            if not _is_row(first[1]):
                yield from self._whole()
                return
            for line, text in chain([first], lines):
                self.bytes_read = file.tell()
                yield line, text.strip()

    def _whole(self) -> Iterator[tuple[int, msgspec.Raw]]:
        data = self._read_whole()
        try:
            rows = _WHOLE.decode(data).get(ROWS) if data.lstrip()[:1] == b"{" else msgspec.Raw(data)
            objects = _RAW.decode(rows) if rows is not None else [msgspec.Raw(data.strip())]  # One row, over lines.
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _malformed(f"this is not JSON: {error}", "the file") from None
        line, at = 1, 0
        for each in objects:
            found = data.find(bytes(each), at)
            line += len(_BREAK.findall(data, at, found))
            at = found
            self.bytes_read = at
            yield line, each

    def _read_whole(self) -> bytes:
        if self._path.stat().st_size > WHOLE_BYTES_MAX:
            what = f"an array of rows is larger than {WHOLE_BYTES_MAX:,} bytes"
            raise FileRefused("json_too_large", what, "the file", "send one object a line (NDJSON)")
        return self._path.read_bytes().removeprefix(BOM)

    def _cells(self, text: bytes | msgspec.Raw) -> list[str]:
        try:
            found = _DECODE(text)
        except (msgspec.MsgspecError, RecursionError):
            return BrokenCells(RowCode.NOT_AN_OBJECT, "", "text that is not JSON")
        if not isinstance(found, dict):
            return BrokenCells(RowCode.NOT_AN_OBJECT, "", _kind(found))
        cells = [""] * self._width
        taken: set[int] = set()
        for key, value in found.items():
            place = self._places.get(key)
            if place is None:
                place = self._find(key)
            if place < 0:
                continue
            if place in taken:
                return BrokenCells(RowCode.TWICE, place, "two keys")
            if isinstance(value, dict | list):
                return BrokenCells(RowCode.NESTED, place, _kind(value))
            taken.add(place)
            cells[place] = _text(value)
        return cells

    def _find(self, key: str) -> int:
        place = self._place.get(column_key(key), -1)
        if len(self._places) < 1_000:  # Whoever makes keys up gets no memory for it.
            self._places[key] = place
        return place


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines of bounded length; the first may be the whole of a file that is not one object a line."""
    text = file.readline(WHOLE_BYTES_MAX + 1).removeprefix(BOM)
    number = 1
    while text:
        yield text
        number += 1
        text = file.readline(LINE_BYTES_MAX + 1)
        if len(text) > LINE_BYTES_MAX:
            what = f"a line is longer than {LINE_BYTES_MAX:,} bytes"
            raise FileRefused("line_too_long", what, f"line {number}", "send one object a line")


def _is_row(first: bytes) -> bool:
    """Is this line an object of its own, one row of many, and not one that holds the rows?"""
    try:
        found = msgspec.json.decode(first)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return isinstance(found, dict) and not isinstance(found.get(ROWS), list)


def _text(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _kind(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    kinds = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _malformed(what: str, where: str) -> FileRefused:
    fix = 'send one object a line, an array of objects, or {"rows": [...]}'
    return FileRefused("json_malformed", what, where, fix)
