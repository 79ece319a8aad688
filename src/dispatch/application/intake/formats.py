"""What kind of file this is, told from its first bytes and not from its name; and the rows of each kind."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from dispatch.application.intake.json_rows import JsonRecords, json_layout
from dispatch.application.intake.layout import BOM, Layout, read_layout
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.records import Records
from dispatch.application.intake.refused import FileRefused
from dispatch.application.intake.workbook import WorkbookRecords, workbook_layout

HEAD_BYTES = 4096
_ZIP = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB] 2.2: old workbooks, and new ones under a password


class Format(StrEnum):
    """The kinds of file that hold rows."""

    CSV = "csv"
    JSON = "json"  # NDJSON, an array of objects, or an object with an array `rows`
    WORKBOOK = "workbook"  # XLSX


class RecordSource(Protocol):
    """Iterates over (data row from 1, line on which it begins from 1, cells); raises FileRefused while iterating."""

    @property
    def bytes_read(self) -> int:
        """How far into the file the reader is, for progress bars."""
        ...

    def __iter__(self) -> Iterator[tuple[int, int, list[str]]]: ...


def format_of(head: bytes) -> Format:
    """The format of a file that begins so.

    Raises:
        FileRefused: `workbook_unreadable`: a workbook of a kind that is not read here.
    """
    if head.startswith(_COMPOUND):
        what = "this is an old workbook (.xls), or one under a password"
        raise FileRefused(
            "workbook_unreadable", what, "the file", "save it as .xlsx without a password, or as CSV UTF-8"
        )
    if head.startswith(_ZIP):
        return Format.WORKBOOK
    return Format.JSON if head.removeprefix(BOM).lstrip()[:1] in (b"{", b"[") else Format.CSV


def layout_of(path: Path, profile: Profile) -> Layout:
    """The layout of a file that was received. Raises FileRefused as the layout of its format."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    match format_of(head):
        case Format.CSV:
            return read_layout(path, profile)
        case Format.JSON:
            return json_layout(profile)
        case Format.WORKBOOK:
            return workbook_layout(path, profile)


def records_of(path: Path, layout: Layout) -> RecordSource:
    """The rows of a file of this layout."""
    match Format(layout.format):
        case Format.CSV:
            return Records(path, layout)
        case Format.JSON:
            return JsonRecords(path, layout)
        case Format.WORKBOOK:
            return WorkbookRecords(path)
