"""A refused personal value is shown by its shape, never by itself."""

import pytest

from dispatch.domain.person import shape


@pytest.mark.parametrize(
    ("value", "shown"),
    [("07700 900 1", "99999 999 9"), ("ann@@example", "xxx@@xxxxxxx"), ("Ünïcode 7", "xxxxxxx 9"), ("", "")],
)
def test_letters_become_x_and_digits_9(value: str, shown: str):
    assert shape(value) == shown


def test_a_long_value_is_cut():
    assert shape("a" * 1000) == "x" * 80
