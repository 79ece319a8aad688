"""From a received file to its rows, whatever its format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from dispatch.application.intake.formats import Format, looks_like
from dispatch.application.intake.json_text import VALUE_CHARACTERS_MAX
from dispatch.application.intake.layout import HEADER_BYTES_MAX, Layout, find_layout
from dispatch.application.intake.objects import ObjectRecords, find_object_layout
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.records import Records
from dispatch.application.intake.refused import file_empty
from dispatch.application.intake.workbook import WorkbookRecords, read_workbook_layout

OBJECT_BYTES_MAX = 4 * VALUE_CHARACTERS_MAX + HEADER_BYTES_MAX
"""No first object that can be read takes more."""


class FileRecords(Protocol):
    """The rows of a file: (data row from 1, line or row of the sheet on which it begins from 1, cells)."""

    @property
    def bytes_read(self) -> int:
        """How far into the file the reader is."""
        ...

    def __iter__(self) -> Iterator[tuple[int, int, list[str]]]: ...


def read_layout(path: Path, profile: Profile) -> Layout:
    """The layout of a file that was inspected before.

    Raises:
        FileRefused: as `find_layout`, `find_object_layout` or `read_workbook_layout`.
    """
    with path.open("rb") as file:
        head = file.read(2 * HEADER_BYTES_MAX)
        kind = looks_like(head)
        if kind is Format.XLSX:
            return read_workbook_layout(path, profile)
        layout = _layout_of(head, profile, kind, is_whole=not file.peek(1))
        if layout is None:
            head += file.read(OBJECT_BYTES_MAX)
            layout = _layout_of(head, profile, kind, is_whole=True)
    if layout is None:
        raise file_empty()
    return layout


def records_of(path: Path, layout: Layout) -> FileRecords:
    """The rows of a file of this layout. Raises FileRefused while iterating, as the reader of its format."""
    match layout.format:
        case Format.CSV:
            return Records(path, layout)
        case Format.XLSX:
            return WorkbookRecords(path, layout)
        case _:
            return ObjectRecords(path, layout)


def _layout_of(head: bytes, profile: Profile, kind: Format, *, is_whole: bool) -> Layout | None:
    if kind is Format.JSON:
        return find_object_layout(head, profile, is_whole=is_whole)
    found = find_layout(head, profile, is_whole=is_whole)
    return found[0] if found else None
