"""How a file is laid out: its delimiter, and which cell of a row is which column of the profile."""

import csv
import difflib
import re
from collections import Counter
from pathlib import Path

import msgspec

from dispatch.application.intake.profiles import Profile, column_key
from dispatch.application.intake.refused import FileRefused, file_empty

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
HEADER_BYTES_MAX = 64 * 1024
OTHER_DELIMITERS_MAX = 16
"""So many of the most frequent characters are tried, to name the one that separates: a header may hold thousands."""
BOM = b"\xef\xbb\xbf"
_LIKE_DATA = re.compile(r"@|^[£(+]?[0-9][0-9,. ()/-]*$")


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What the header says.

    Columns that the profile does not know are ignored: they may hold personal data, and what is not needed is not kept.
    """

    delimiter: str
    header: tuple[str, ...]
    positions: tuple[int, ...]  # Per column of the profile: which cell; -1 where the file does not have it.
    ignored: tuple[str, ...]
    newline: str
    has_bom: bool
    format: str = "csv"
    names: tuple[tuple[str, ...], ...] = ()  # Of JSON: per column the keys that mean it, as `column_key` writes them.


def read_layout(path: Path, profile: Profile) -> Layout:
    """The layout of a file that was inspected before. Raises FileRefused as `find_layout`."""
    with path.open("rb") as file:
        head = file.read(2 * HEADER_BYTES_MAX)
        is_whole = not file.read(1)
    found = find_layout(head, profile, is_whole=is_whole)
    if found is None:
        raise _too_long(1)
    return found[0]


def find_layout(head: bytes, profile: Profile, *, is_whole: bool) -> tuple[Layout, int] | None:
    """The layout, and the bytes that the header takes; None while `head` does not hold the whole header yet.

    Args:
        head: the first bytes of the file, cut anywhere.
        is_whole: nothing follows `head`.

    Raises:
        FileRefused: `file_empty`, `header_missing`, `delimiter_unknown`, `columns_missing`, `columns_duplicated` or
            `quote_unclosed`.
    """
    has_bom = head.startswith(BOM)
    start = len(BOM) if has_bom else 0
    while head[start : start + 1].isspace() and head[start : start + 1] in b"\r\n ":
        start += 1
    line = head.count(b"\n", 0, start) + 1
    end = _end_of_record(head, start)
    if end is None:
        is_long = len(head) - start > HEADER_BYTES_MAX
        if head.count(b'"', start) % 2 and (is_whole or (is_long and b"\n" in head[start:])):
            raise FileRefused(
                "quote_unclosed", "a quote in the header is never closed", f"line {line}", 'close it, or remove the "'
            )
        if is_long:
            raise _too_long(line)
        if not is_whole:
            return None
        end = len(head)
    if end - start > HEADER_BYTES_MAX:
        raise _too_long(line)
    if not head[start:end].strip():
        raise file_empty()
    record = head[start:end].decode("utf-8", errors="replace").rstrip("\r\n")
    delimiter, cells = _split(record, profile, f"line {line}")
    positions, ignored = find_positions(cells, profile, f"the header, line {line}")
    layout = Layout(
        delimiter=delimiter,
        header=tuple(cells),
        positions=positions,
        ignored=ignored,
        newline=_newline(head),
        has_bom=has_bom,
    )
    return layout, end


def _end_of_record(head: bytes, start: int) -> int | None:
    """Where the record that begins at `start` ends, a line break inside quotes not being an end."""
    quotes, counted = 0, start
    for match in re.finditer(rb"\r\n|\n|\r(?!\Z)", head[start:]):
        quotes += head.count(b'"', counted, start + match.start())
        counted = start + match.start()
        if quotes % 2 == 0:
            return start + match.end()
        if match.start() > HEADER_BYTES_MAX:
            break
    return None


def _newline(head: bytes) -> str:
    if b"\r\n" in head:
        return "\r\n"
    return "\n" if b"\n" in head or b"\r" not in head else "\r"


def _cells(record: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for row in csv.reader([record], delimiter=delimiter) for cell in row]
    except csv.Error:
        return []


def _split(record: str, profile: Profile, where: str) -> tuple[str, list[str]]:
    """The delimiter under which most cells are columns of the profile, and the cells."""
    names = {key for column in profile.columns for key in column.header_keys()}

    def known(delimiter: str) -> int:
        return sum(column_key(cell) in names for cell in _cells(record, delimiter))

    best = max(DELIMITERS, key=known)
    cells = _cells(record, best)
    if known(best) < 2:
        marks = Counter(c for c in record if not c.isalnum() and c not in '_"\r\n' and c not in DELIMITERS)
        others = sorted(mark for mark, _ in marks.most_common(OTHER_DELIMITERS_MAX))
        found = max(others, key=known, default="")
        if found and known(found) > 1:
            raise FileRefused(
                "delimiter_unknown",
                f"the columns are separated by {_name(found)}",
                where,
                "separate them by comma, semicolon, tab or bar",
            )
        if known(best) == 0 or any(_LIKE_DATA.search(cell) for cell in cells):
            raise FileRefused(
                "header_missing",
                f"the first line names no column of the profile {profile.name}",
                where,
                f"put a header first, such as {profile.header()}",
            )
    return best, cells


def _name(character: str) -> str:
    return "spaces" if character == " " else f"{character!r} (U+{ord(character):04X})"


def find_positions(cells: list[str], profile: Profile, where: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Which cell is which column of the profile (-1: none), and the headers that are ignored.

    Raises:
        FileRefused: `header_missing`, `columns_missing` or `columns_duplicated`.
    """
    keys = [column_key(cell) for cell in cells]
    taken: set[int] = set()
    positions = []
    missing = []
    for column in profile.columns:
        names = column.header_keys()
        found = [i for i, key in enumerate(keys) if key in names]
        if len(found) > 1:
            both = " and ".join(f"{cells[i]!r} (column {i + 1})" for i in found)
            raise FileRefused("columns_duplicated", f"{both} all mean {column.name}", where, "keep one of them")
        if not found and column.required:
            missing.append(column.name)
        positions.append(found[0] if found else -1)
        taken.update(found)
    ignored = tuple(cell for i, cell in enumerate(cells) if i not in taken)
    if not taken:
        what = f"the first line names no column of the profile {profile.name}"
        raise FileRefused("header_missing", what, where, f"put a header first, such as {profile.header()}")
    if missing:
        raise FileRefused(
            "columns_missing",
            f"required columns are missing: {', '.join(missing)}",
            where,
            _rename(missing, cells, taken),
        )
    return tuple(positions), ignored


def _rename(missing: list[str], cells: list[str], taken: set[int]) -> str:
    """Which column was probably meant, for each missing one: by its place, for a broken header may hold anything."""
    by_key = {column_key(cell): place for place, cell in enumerate(cells, 1) if cell and place - 1 not in taken}
    hints = []
    for name in missing:
        close = difflib.get_close_matches(column_key(name), by_key, n=1)
        hints.append(f"rename column {by_key[close[0]]} to {name}" if close else f"add {name}")
    return "; ".join(hints)


def _too_long(line: int) -> FileRefused:
    return FileRefused(
        "line_too_long",
        f"the header is longer than {HEADER_BYTES_MAX:,} bytes",
        f"line {line}",
        "check that this is a CSV file with one row a line",
    )
