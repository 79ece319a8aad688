"""Money is whole pence, written the way accountants write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.domain.money import pounds


@pytest.mark.parametrize(
    ("pence", "text"),
    [
        (0, "£0.00"),
        (5, "£0.05"),
        (123_456, "£1,234.56"),
        (100_000_000, "£1,000,000.00"),
        (-5, "(£0.05)"),
        (-123_456, "(£1,234.56)"),
    ],
)
def test_pence_are_written_as_pounds(pence: int, text: str):
    assert pounds(pence) == text


@given(st.integers(-(10**15), 10**15))
def test_no_penny_is_lost_in_writing(pence: int):
    digits = int("".join(filter(str.isdigit, pounds(pence))))
    assert digits * (-1 if pounds(pence).startswith("(") else 1) == pence
