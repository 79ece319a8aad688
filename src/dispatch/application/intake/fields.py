"""One reader per kind of value: text to value, or the reason why not."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from email_validator import EmailNotValidError, validate_email

from dispatch.application.intake.phones import uk_phone
from dispatch.application.intake.profiles import Column, Kind, column_key
from dispatch.domain.consent import Basis
from dispatch.domain.rows import RowCode

Reader = Callable[[str], Any]

MEMO_ENTRIES_MAX = 4096
MEMO_LENGTH_MAX = 64  # characters
YEARS = range(1900, 2101)

_MONEY = re.compile(r"(?:£|GBP)? ?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,12})(?:\.([0-9]{1,2}))?", re.ASCII)
_PENCE = re.compile(r"([0-9]{1,12}) ?p", re.ASCII)
_NEGATIVE = re.compile(r"\((.+)\)|-(.+)|(£)-(.+)")
_ISO = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})", re.ASCII)
_UK = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})", re.ASCII)
_WORDED = re.compile(r"([0-9]{1,2}) ([A-Za-z]{3,9}) ([0-9]{4})", re.ASCII)
# fmt: off
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)
# fmt: on
_MONTH_OF = {name: i for i, full in enumerate(_MONTHS, 1) for name in (full, full[:3])}

# The plain form of nearly every address; everything else is put to the library, which knows the standards.
_LOCAL = r"[A-Za-z0-9_+'-]++(?:\.[A-Za-z0-9_+'-]++)*+"
_DOMAIN = r"(?:[A-Za-z0-9]++(?:-[A-Za-z0-9]++)*+\.)+(?!(?i:test|local|localhost|invalid|onion|arpa)$)[A-Za-z]{2,63}"
EMAIL = f"{_LOCAL}@{_DOMAIN}"
_EMAIL = re.compile(f"({_LOCAL})@({_DOMAIN})", re.ASCII)
LOCAL_LENGTH_MAX = 64  # characters
_EMAIL_LENGTH_MAX, _LABEL_LENGTH_MAX = 254, 63

# BS 7666 / Royal Mail: A9, A99, AA9, AA99, A9A, AA9A and GIR; inward 9AA without C I K M O V.
POSTCODE = (
    r"GIR|[A-PR-UWYZ](?:[0-9][0-9]?|[A-HK-Y][0-9][0-9]?|[0-9][A-HJKPSTUW]|[A-HK-Y][0-9][ABEHMNPRVWXY])",
    r"[0-9][ABD-HJLNP-UW-Z]{2}",
)
_POSTCODE = re.compile(f"({POSTCODE[0]}) ?({POSTCODE[1]})", re.ASCII)
_YES = frozenset({"yes", "y", "true", "t", "1", "x"})
_NO = frozenset({"no", "n", "false", "f", "0"})


class ValueRefused(Exception):
    """This value is not what its column holds."""

    def __init__(self, code: RowCode) -> None:
        super().__init__(code)
        self.code = code


class Memo(dict[str, Any]):
    """A reader that remembers what it read: most columns that are not personal hold few different values."""

    def __init__(self, read: Reader) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> Any:  # noqa: ANN401 - a reader's value
        value = self._read(text)
        if len(self) < MEMO_ENTRIES_MAX and len(text) <= MEMO_LENGTH_MAX:
            self[text] = value
        return value


def reader_of(column: Column) -> Reader:
    """A function from a cell to the column's value, which raises ValueRefused.

    An empty cell is `""`, None for money and dates, False for yes/no, `Basis.NONE` for a lawful basis; and
    `missing_value` in a required column.
    """
    read = _READERS[column.kind](column)
    empty = _EMPTY.get(column.kind, "")
    if column.kind is Kind.TEXT:
        return _text(column)

    def cell(text: str) -> Any:  # noqa: ANN401 - a reader's value
        text = text.strip()
        if text:
            return read(text)
        if column.required:
            raise ValueRefused(RowCode.MISSING)
        return empty

    return cell if column.personal else Memo(cell).__getitem__


def _text(column: Column) -> Reader:
    length_max, required = column.length_max, column.required

    def text_of(text: str) -> str:
        text = " ".join(text.split())  # A line break in an address, or a header smuggled into a name, is one space.
        if len(text) > length_max:
            raise ValueRefused(RowCode.TOO_LONG)
        if required and not text:
            raise ValueRefused(RowCode.MISSING)
        return text

    return text_of


def _money(column: Column) -> Reader:
    def pence_of(text: str) -> int:
        if negative := _NEGATIVE.fullmatch(text):
            _pence("".join(part for part in negative.groups() if part))
            raise ValueRefused(RowCode.RANGE)
        pence = _pence(text)
        if not column.pence_min <= pence <= column.pence_max:
            raise ValueRefused(RowCode.RANGE)
        return pence

    return pence_of


def _pence(text: str) -> int:
    if match := _MONEY.fullmatch(text):
        return int(match[1].replace(",", "")) * 100 + int((match[2] or "0").ljust(2, "0"))
    if match := _PENCE.fullmatch(text):
        return int(match[1])
    raise ValueRefused(RowCode.MONEY)


def read_date(text: str) -> date:
    """A day in one of seven forms, always day before month; the year has four digits. Raises ValueRefused.

    2026-11-23, 20261123, 23/11/2026, 23-11-2026, 23.11.2026, 23 Nov 2026, 23 November 2026.
    """
    if match := _ISO.fullmatch(text):
        if (text.count("-") or 2) != 2:
            raise ValueRefused(RowCode.DATE)
        year, month, day = int(match[1]), int(match[2]), int(match[3])
    elif match := _UK.fullmatch(text):
        year, month, day = int(match[4]), int(match[3]), int(match[1])
    elif match := _WORDED.fullmatch(text):
        year, month, day = int(match[3]), _MONTH_OF.get(match[2].lower(), 0), int(match[1])
    else:
        raise ValueRefused(RowCode.DATE)
    try:
        found = date(year, month, day)
    except ValueError:
        raise ValueRefused(RowCode.DATE) from None
    if year not in YEARS:
        raise ValueRefused(RowCode.RANGE)
    return found


def read_phone(text: str) -> str:
    """A UK phone number in E.164. Raises ValueRefused."""
    if phone := uk_phone(text):
        return phone
    raise ValueRefused(RowCode.PHONE)


def read_email(text: str) -> str:
    """An e-mail address with its domain in small letters. Raises ValueRefused. No name server is asked."""
    if match := _EMAIL.fullmatch(text):
        local, domain = match.groups()
        if len(local) <= LOCAL_LENGTH_MAX and len(domain) <= _LABEL_LENGTH_MAX:  # So no label is too long.
            return f"{local}@{domain.lower()}"
    if "@" not in text or len(text) > _EMAIL_LENGTH_MAX:
        raise ValueRefused(RowCode.EMAIL)
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        raise ValueRefused(RowCode.EMAIL) from None


def read_postcode(text: str) -> str:
    """A UK postcode in capitals with one space (`SW1A 1AA`). Raises ValueRefused."""
    text = text.upper()
    match = _POSTCODE.fullmatch(text) or _POSTCODE.fullmatch("".join(text.split()))
    if match is None:
        raise ValueRefused(RowCode.POSTCODE)
    return f"{match[1]} {match[2]}"


def read_yes_no(text: str) -> bool:
    """yes/no, y/n, true/false, 1/0, x. Raises ValueRefused."""
    word = text.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueRefused(RowCode.CHOICE)


def _choice(column: Column) -> Reader:
    choices = {column_key(spelling): name for name, others in column.choices.items() for spelling in (name, *others)}

    def choice_of(text: str) -> str:
        try:
            return choices[column_key(text)]
        except KeyError:
            raise ValueRefused(RowCode.CHOICE) from None

    return choice_of


_BASES = {column_key(basis): basis for basis in Basis}


def read_basis(text: str) -> Basis:
    """contract, consent, soft opt-in or none. Raises ValueRefused."""
    try:
        return _BASES[column_key(text)]
    except KeyError:
        raise ValueRefused(RowCode.CHOICE) from None


_READERS: dict[Kind, Callable[[Column], Reader]] = {
    Kind.TEXT: _text,
    Kind.MONEY: _money,
    Kind.DATE: lambda _: read_date,
    Kind.PHONE: lambda _: read_phone,
    Kind.EMAIL: lambda _: read_email,
    Kind.POSTCODE: lambda _: read_postcode,
    Kind.CHOICE: _choice,
    Kind.YES_NO: lambda _: read_yes_no,
    Kind.LAWFUL_BASIS: lambda _: read_basis,
}
_EMPTY: dict[Kind, Any] = {Kind.MONEY: None, Kind.DATE: None, Kind.YES_NO: False, Kind.LAWFUL_BASIS: Basis.NONE}
