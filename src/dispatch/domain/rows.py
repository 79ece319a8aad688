"""A row is good, refused or a duplicate; and the error budget that decides over the whole file."""

from enum import StrEnum

import msgspec

from dispatch.domain.errors import DomainError


class ThresholdOutOfRange(DomainError, ValueError):
    """The error budget is a whole per cent from 0 to 100."""

    code = "error_threshold_out_of_range"


class RowCode(StrEnum):
    """Why a value of a row was refused."""

    MISSING = "missing_value"
    MONEY = "invalid_money"
    DATE = "invalid_date"
    PHONE = "invalid_phone"
    EMAIL = "invalid_email"
    POSTCODE = "invalid_postcode"
    CHOICE = "unknown_choice"
    RANGE = "out_of_range"
    TOO_LONG = "value_too_long"
    CELLS = "wrong_number_of_cells"
    NOT_AN_OBJECT = "not_an_object"
    NESTED = "nested_value"
    TWICE = "column_twice"


class RowError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One refused value: where it stands, what was found and expected, and how to mend it.

    `row` counts data rows from 1 (the header is row 0); `line` is the line of the file on which the row begins.
    `found` never holds a personal value, only its shape.
    """

    row: int
    line: int
    column: str
    code: RowCode
    found: str
    expected: str
    fix: str


class Budget(msgspec.Struct, frozen=True):
    """How many per cent of a file's data rows may be refused before the whole file is (acceptance 1.02, 1.12)."""

    threshold_percent: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.threshold_percent <= 100:
            raise ThresholdOutOfRange(self.threshold_percent)

    def broken(self, rejected: int, rows: int) -> bool:
        """Strictly more than the threshold: exactly 10 % of a 10 % budget passes. Duplicates are not errors."""
        return rejected * 100 > self.threshold_percent * rows

    def reason(self, rejected: int, rows: int) -> str:
        """`Error rate 15.0% exceeded threshold 10%`; 1,001 of 10,000 rows read 10.01 %, never "10.0% exceeded 10%"."""
        rate = error_rate(rejected, rows)
        digits = next((n for n in range(1, 12) if round(rate, n) > self.threshold_percent), 1)
        return f"Error rate {rate:.{digits}f}% exceeded threshold {self.threshold_percent}%"


def error_rate(rejected: int, rows: int) -> float:
    """Refused rows per hundred data rows; 0 for a file without rows."""
    return 100.0 * rejected / rows if rows else 0.0
