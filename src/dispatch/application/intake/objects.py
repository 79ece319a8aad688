"""Rows as JSON objects: keys are headers, one object a line (NDJSON) or all of them in one array."""

import codecs
import io
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple

from dispatch.application.intake.formats import BOM, Format
from dispatch.application.intake.json_text import (
    VALUE_CHARACTERS_MAX,
    JsonBroken,
    JsonObject,
    JsonText,
    ValueTooLong,
    read_value,
)
from dispatch.application.intake.layout import Layout
from dispatch.application.intake.odd_rows import UNWRITABLE, WHOLE, OddRow, unwritable
from dispatch.application.intake.profiles import Profile, column_key
from dispatch.application.intake.refused import FileRefused, no_rows
from dispatch.domain.rows import RowCode

ROWS = "rows"
"""The member of a wrapping object that holds the rows."""
KEYS_REMEMBERED_MAX = 1_000
_KIND = {JsonObject: "an object", list: "a list", str: "a plain value", bool: "a plain value", type(None): "null"}


class ObjectRecords:
    """Iterates over (row from 1, line on which it begins from 1, cells in the order of the profile's columns).

    A line of NDJSON that is not JSON is a refused row, because the next line begins anew. In an array nobody can say
    where the next row would begin, so the file is refused there.

    Raises while iterating:
        FileRefused: `json_malformed`, `line_too_long` or `encoding_not_utf8`.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path, self._layout = path, layout
        self._cells = _Cells(layout.header, layout.keys)
        self._file: BufferedReader | None = None

    @property
    def bytes_read(self) -> int:
        """How far into the file the reader is, for progress bars."""
        return self._file.tell() if self._file else 0

    def __iter__(self) -> Iterator[tuple[int, int, list[str]]]:
        read = _lines if self._layout.format is Format.NDJSON else _elements
        line = 0
        with self._path.open("rb") as file:
            self._file = file
            file.seek(len(BOM) if self._layout.has_bom else 0)
            text = TextIOWrapper(file, encoding="utf-8", newline="\n")
            try:
                for row, (line, found) in enumerate(read(text), 1):
                    yield row, line, self._cells(found)
            except UnicodeDecodeError:
                where = f"behind line {line}"
                fix = "save it as UTF-8"
                raise FileRefused("encoding_not_utf8", "the file is not UTF-8 text", where, fix) from None
            finally:
                self._file = None


def find_object_layout(head: bytes, profile: Profile, *, is_whole: bool) -> Layout | None:
    """The layout of a file of objects; None while `head` does not hold the first object yet.

    Args:
        head: the first bytes of the file, cut anywhere.
        is_whole: nothing follows `head`.

    Raises:
        FileRefused: `json_malformed`, `line_too_long`, `no_rows` or `header_missing`.
    """
    has_bom = head.startswith(BOM)
    text = codecs.utf_8_decode(head[len(BOM) if has_bom else 0 :], "strict", is_whole)[0]
    walk = JsonText(io.StringIO(text))
    try:
        first = _first(walk, is_whole=is_whole)
    except ValueTooLong as error:
        raise _too_long(error.line) from None
    except JsonBroken as error:
        if not is_whole and len(text) <= VALUE_CHARACTERS_MAX:
            return None
        raise _malformed(error) from None
    if first is None:
        return None
    kind, line, members = first
    names = tuple(column.name for column in profile.columns)
    keys = {key: place for place, column in enumerate(profile.columns) for key in column.header_keys()}
    ignored = tuple(key for key, _ in members if column_key(key) not in keys)
    if (members or kind is Format.NDJSON) and len(ignored) == len(members):
        what = f"the first object names no column of the profile {profile.name}"
        raise FileRefused("header_missing", what, f"line {line}", f"use keys such as {profile.header()}")
    return Layout(
        delimiter=",",
        header=names,
        positions=tuple(range(len(names))),
        ignored=ignored,
        newline="\n",
        has_bom=has_bom,
        format=kind,
        keys=keys,
    )


def array_unclosed(lines: int) -> FileRefused:
    """The refusal of a file that breaks off before the end of its array."""
    fix = "send the file again, whole"
    return FileRefused("json_malformed", "the array of rows is not closed", f"line {lines}, the end", fix)


class _Opened(NamedTuple):
    """What stands at the beginning: an array of rows, perhaps inside an object, or else a first object."""

    line: int
    first: JsonObject | None
    is_wrapped: bool


def _first(walk: JsonText, *, is_whole: bool) -> tuple[Format, int, JsonObject] | None:
    """What the file is, and its first row with its line; None where only the rest can tell.

    An element of an array that is no object is left to judging, as having no members.
    """
    opened = _open(walk)
    if opened.first is None:
        walk.take("[")
        if walk.next() == "]":
            raise no_rows()
        line, found = walk.line, walk.value()
        return Format.JSON, line, found if isinstance(found, JsonObject) else JsonObject()
    if walk.line > opened.line:
        what, fix = "the first object takes several lines", "write one object a line, or all of them in one array"
        raise FileRefused("json_malformed", what, f"line {opened.line}", fix)
    follows = walk.next()
    if follows and walk.line == opened.line:
        what, fix = "something follows the first object on its line", "write one object a line, and nothing else"
        raise FileRefused("json_malformed", what, f"line {opened.line}", fix)
    return (Format.NDJSON, opened.line, opened.first) if follows or is_whole else None


def _open(walk: JsonText) -> _Opened:
    """Step to the array of rows, or over the object that stands there instead. Raises JsonBroken or ValueTooLong."""
    first, line = walk.next(), walk.line
    if first == "[":
        return _Opened(line, None, is_wrapped=False)
    walk.take("{")
    members = JsonObject()
    if walk.next() == "}":
        walk.take("}")
        return _Opened(line, members, is_wrapped=False)
    while True:
        if walk.next() != '"':
            raise JsonBroken(walk.line)
        key = walk.value()
        walk.take(":")
        if key == ROWS and walk.next() == "[":
            return _Opened(line, None, is_wrapped=True)
        members.append((key, walk.value()))
        if walk.take(",}") == "}":
            return _Opened(line, members, is_wrapped=False)


def _elements(file: TextIOWrapper) -> Iterator[tuple[int, Any]]:
    """The elements of the array of rows, each with its line. Raises FileRefused."""
    walk = JsonText(file)
    try:
        opened = _open(walk)
        if opened.first is not None:
            raise JsonBroken(walk.line)
        walk.take("[")
        walk.next()
        while True:
            line = walk.line
            yield line, walk.value()
            if walk.take(",]") == "]":
                break
            walk.next()
        _close(walk, opened)
    except ValueTooLong as error:
        raise _too_long(error.line) from None
    except JsonBroken as error:
        raise _malformed(error) from None


def _close(walk: JsonText, opened: _Opened) -> None:
    """Nothing may follow but the other members of an object around the rows. Raises JsonBroken."""
    if opened.is_wrapped:
        while walk.take(",}") == ",":
            walk.value()
            walk.take(":")
            walk.value()
    if walk.next():
        raise JsonBroken(walk.line)


def _lines(file: TextIOWrapper) -> Iterator[tuple[int, Any]]:
    """The lines that are not blank, each read by itself."""
    for number, line in enumerate(file, 1):
        if line.isspace():
            continue
        try:
            yield number, read_value(line)
        except ValueError as error:
            if isinstance(error, UnicodeDecodeError):
                raise
            yield number, OddRow({WHOLE: (RowCode.NOT_JSON, f"{len(line.strip()):,} characters that are no JSON")})


class _Cells:
    """Puts the members of an object into the order of the columns; what the profile does not know is ignored."""

    def __init__(self, header: tuple[str, ...], keys: dict[str, int]) -> None:
        self._width, self._keys = len(header), keys
        self._places: dict[str, int] = {}  # By key as it is written.

    def __call__(self, found: Any) -> list[str]:  # noqa: ANN401 - any JSON value
        if not isinstance(found, JsonObject):
            return found if isinstance(found, OddRow) else OddRow({WHOLE: (RowCode.NOT_OBJECT, _kind(found))})
        cells = [""] * self._width
        odd: dict[int, tuple[RowCode, str]] = {}
        taken = set()
        for key, value in found:
            place = self._places.get(key)
            if place is None:
                place = self._place(key)
            if place < 0:
                continue
            if place in taken:
                odd[place] = RowCode.REPEATED, "two keys"
            taken.add(place)
            if isinstance(value, str):
                cells[place] = value
            elif isinstance(value, bool):
                cells[place] = "true" if value else "false"
            elif value is not None:
                odd.setdefault(place, (RowCode.NESTED, _kind(value)))
        if UNWRITABLE.search("\n".join(cells)):
            odd = unwritable(cells) | odd
        return OddRow(odd, cells) if odd else cells

    def _place(self, key: str) -> int:
        place = self._keys.get(column_key(key), -1)
        if len(self._places) < KEYS_REMEMBERED_MAX:
            self._places[key] = place
        return place


def _kind(value: object) -> str:
    return _KIND.get(type(value), "a plain value")


def _malformed(error: JsonBroken) -> FileRefused:
    what = "the file ends in the middle of its JSON" if error.is_end else "this is not JSON"
    fix = "send one JSON object a line, one array of objects, or CSV"
    return FileRefused("json_malformed", what, f"line {error.line}", fix)


def _too_long(line: int) -> FileRefused:
    what = f"a row is longer than {VALUE_CHARACTERS_MAX:,} characters"
    return FileRefused("line_too_long", what, f"line {line}", "check that every row is an object of its own")
