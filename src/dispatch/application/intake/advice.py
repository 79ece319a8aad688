"""What a refused value should have been, and how to mend it, in words."""

import difflib
import re
from functools import lru_cache

from dispatch.application.intake.profiles import Column, Kind, column_key
from dispatch.domain.consent import Basis
from dispatch.domain.money import pounds
from dispatch.domain.person import shape
from dispatch.domain.rows import RowCode

FOUND_LENGTH_MAX = 80  # characters
_LIKE_PERSONAL = re.compile(r"@|(?:[0-9][ ()-]{0,3}){9}")

_EXPECTED = {
    Kind.TEXT: "text",
    Kind.MONEY: "an amount in pounds, such as 85.00 or £1,234.56",
    Kind.DATE: "a date, such as 2026-11-23, 23/11/2026 or 23 Nov 2026",
    Kind.PHONE: "a UK phone number, such as 07700 900123 or +44 20 7946 0123",
    Kind.EMAIL: "an e-mail address, such as name@example.com",
    Kind.POSTCODE: "a UK postcode, such as SW1A 1AA",
    Kind.YES_NO: "yes or no",
    Kind.LAWFUL_BASIS: f"one of {', '.join(Basis)}, or nothing",
    Kind.WHOLE_NUMBER: "a whole number, such as 42 or 1,250",
    Kind.WEBSITE: "a web address, such as www.example.com",
}
_FIX = {
    Kind.MONEY: "write pounds and pence in digits, with a point before the pence",
    Kind.DATE: "write the day before the month and the year in four digits, or use year-month-day",
    Kind.PHONE: "check the digits and format the column as text, so that the spreadsheet keeps the leading zero",
    Kind.EMAIL: "correct the address, or leave the cell empty",
    Kind.POSTCODE: "check it against the customer's address; letters O and I are often zero and one",
    Kind.YES_NO: "write yes or no",
    Kind.WHOLE_NUMBER: "write digits only",
    Kind.WEBSITE: "write the address of the company's site, without blanks",
    Kind.LAWFUL_BASIS: "write the ground on which this person may be contacted; if there is none, leave the cell empty",
}


def found(column: Column, text: str) -> str:
    """What stood there: the value, or only its shape where it is or looks personal (a shifted row moves values)."""
    text = text.strip()
    if column.personal or _LIKE_PERSONAL.search(text):
        return shape(text, FOUND_LENGTH_MAX)
    return text[:FOUND_LENGTH_MAX]


def advice(column: Column, code: RowCode, text: str) -> tuple[str, str]:
    """What was expected in this column, and how to mend the value."""
    expected = f"one of {', '.join(column.choices)}" if column.kind is Kind.CHOICE else _EXPECTED[column.kind]
    match code:
        case RowCode.MISSING:
            return expected, f"fill in {column.name}"
        case RowCode.TOO_LONG:
            return f"at most {column.length_max} characters", f"shorten {column.name}"
        case RowCode.RANGE if column.kind is Kind.MONEY:
            least, most = pounds(column.pence_min), pounds(column.pence_max)
            return f"an amount from {least} to {most}", "correct the amount"
        case RowCode.RANGE if column.kind is Kind.WHOLE_NUMBER:
            return f"a whole number from {column.number_min:,} to {column.number_max:,}", "correct the number"
        case RowCode.PATTERN:
            return f"text of the form {column.pattern}", f"correct {column.name}"
        case RowCode.RANGE:
            return "a date from 1900 to 2100", "correct the year"
        case RowCode.CHOICE if column.kind is Kind.CHOICE:
            return expected, _meant(column, text)
        case _:
            return expected, _FIX[column.kind]


def _meant(column: Column, text: str) -> str:
    spellings = tuple((column_key(word), name) for name, others in column.choices.items() for word in (name, *others))
    nearest = _nearest(column_key(text[:FOUND_LENGTH_MAX]), spellings)
    return f"did you mean {nearest}?" if nearest else f"choose a {column.name} from the list"


@lru_cache(maxsize=1024)
def _nearest(key: str, spellings: tuple[tuple[str, str], ...]) -> str:
    """The name whose spelling is nearest; comparing takes a millisecond, and files repeat their mistakes."""
    names = dict(spellings)
    close = difflib.get_close_matches(key, names, n=1)
    return names[close[0]] if close else ""
