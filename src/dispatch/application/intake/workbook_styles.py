"""How a workbook shows its numbers: as a date, as a time, with leading zeros; and the text that a number stands for."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from dispatch.application.intake.workbook_parts import Parts, local

_BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})  # ECMA-376 part 1, 18.8.30
_NOT_FORMAT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DATE_LETTERS = re.compile(r"[ymdhs]", re.IGNORECASE)
_ZEROS = re.compile(r"0{2,}")
_EPOCH_1900, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a spreadsheet knows no zone
_FEBRUARY_1900_ENDS = 60
_DIGITS = 15
"""So many a spreadsheet shows and means; the rest of a double is noise."""


class Shown(Enum):
    """What a number is shown as."""

    NUMBER = "number"
    DATE = "date"


class Styles:
    """The number formats of a workbook, by the index that cells carry."""

    def __init__(self, parts: Parts, name: str | None, *, is_1904: bool) -> None:
        self._epoch = _EPOCH_1904 if is_1904 else _EPOCH_1900
        self._is_1904 = is_1904
        codes, self._formats = _read(parts, name) if name else ({}, [])
        self._shown = [_shown(number, codes.get(number, "")) for number in self._formats]
        self._zeros = [_zeros(codes.get(number, "")) for number in self._formats]

    def text(self, number: str, style: str | None) -> str:
        """The text of a number: `85.1`, `2026-11-23` (the time of day is dropped), `09:30` or `0123`.

        Raises ValueError for what is no number.
        """
        index = int(style or 0)
        if index < len(self._shown) and self._shown[index] is Shown.DATE:
            return self._date(float(number))
        text = number if number.isdecimal() and len(number) <= _DIGITS else _plain(number)
        zeros = self._zeros[index] if index < len(self._zeros) else 0
        return text.zfill(zeros) if zeros and text.isdecimal() else text

    def _date(self, serial: float) -> str:
        if not 0 <= serial < 2_958_466:  # The end of the year 9999.
            return _plain(repr(serial))
        if not self._is_1904 and serial < _FEBRUARY_1900_ENDS:
            serial += serial >= 1  # The spreadsheet's 1900 has a 29th of February.
        moment = self._epoch + timedelta(seconds=round(serial * 86_400))
        return moment.strftime("%H:%M") if serial < 1 else f"{moment.year:04}-{moment:%m-%d}"


def _plain(number: str) -> str:
    value = float(number)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(number)
    text = f"{Decimal(f'{value:.{_DIGITS}g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _shown(number: int, code: str) -> Shown:
    if number in _BUILT_IN_DATES and not code:
        return Shown.DATE
    first = _NOT_FORMAT.sub("", code).split(";")[0]
    return Shown.DATE if code.lower() != "general" and _DATE_LETTERS.search(first) else Shown.NUMBER


def _zeros(code: str) -> int:
    """The digits that a format of zeros alone shows at least, as people set it for phone numbers."""
    return len(code) if _ZEROS.fullmatch(code) else 0


def _read(parts: Parts, name: str) -> tuple[dict[int, str], list[int]]:
    """The codes of the workbook's own formats, and the format of each style of cells."""
    codes: dict[int, str] = {}
    formats: list[int] = []
    is_cells = False

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        nonlocal is_cells
        tag = local(tag)
        if tag == "numFmt":
            codes[int(attributes.get("numFmtId", "0"))] = attributes.get("formatCode", "")[:200]
        elif tag == "cellXfs":
            is_cells = True
        elif tag == "xf" and is_cells:
            formats.append(int(attributes.get("numFmtId", "0")))

    def end(tag: str) -> None:
        nonlocal is_cells
        is_cells = is_cells and local(tag) != "cellXfs"

    parts.parse(name, start, end)
    return codes, formats
