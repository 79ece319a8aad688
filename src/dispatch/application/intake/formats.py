"""What a file is, by its first bytes: its name may say anything."""

import re
from enum import StrEnum

from dispatch.application.intake.refused import FileRefused

BOM = b"\xef\xbb\xbf"
SIGNATURE_BYTES = 8
"""So many tell."""
_OBJECT = re.compile(rb"\{\s*[\"}]")
_ARRAY = re.compile(rb"\[\s*[\[{\]\"0-9tfn-]")
_ZIP = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB], 2.2
_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x04\x22\x4d\x18": "LZ4",
    b"PK\x05\x06": "an empty ZIP archive",
    b"PK\x07\x08": "a ZIP archive in pieces",
}


class Format(StrEnum):
    """How rows are written down."""

    CSV = "csv"
    NDJSON = "ndjson"
    """One JSON object a line."""
    JSON = "json"
    """An array of objects, or an object whose member `rows` is one."""
    XLSX = "xlsx"


def looks_like(head: bytes) -> Format:
    """What the first bytes say; JSON stands for NDJSON as well, which only the whole first object tells apart.

    Raises:
        FileRefused: `workbook_unsupported` or `archive_unsupported`.
    """
    if head.startswith(_ZIP):
        return Format.XLSX
    if head.startswith(_COMPOUND):
        what = "this is a workbook in the format of before Excel 2007 (.xls), or one with a password"
        raise workbook_unsupported(what)
    for mark, name in _ARCHIVES.items():
        if head.startswith(mark):
            raise archive_unsupported(f"this is an archive ({name})")
    text = head.removeprefix(BOM).lstrip(b" \t\r\n")
    return Format.JSON if _OBJECT.match(text) or _ARRAY.match(text) else Format.CSV


def workbook_unsupported(what: str) -> FileRefused:
    """The refusal of a workbook of another kind than .xlsx."""
    fix = "save it as Excel Workbook (.xlsx) without a password, or as CSV UTF-8"
    return FileRefused("workbook_unsupported", what, "the first bytes", fix)


def archive_unsupported(what: str) -> FileRefused:
    """The refusal of a file that holds other files."""
    return FileRefused("archive_unsupported", what, "the first bytes", "unpack it and send the file inside")
