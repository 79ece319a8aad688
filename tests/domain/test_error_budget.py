"""The error budget: strictly more than the threshold breaks it, and the reason is worded as the table says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.domain.errors import DomainError
from dispatch.domain.rows import Budget, ThresholdOutOfRange, error_rate

TEN = Budget()


@pytest.mark.acceptance("1.02", part="default 10 %, strictly more breaks it")
@pytest.mark.parametrize(
    ("rejected", "rows", "broken"),
    [
        (10, 100, False),
        (11, 100, True),
        (9, 100, False),
        (1, 10, False),
        (1, 9, True),
        (100_000, 1_000_000, False),
        (100_001, 1_000_000, True),
        (0, 0, False),
    ],
)
def test_exactly_ten_per_cent_passes_one_row_more_does_not(rejected: int, rows: int, broken: bool):
    assert TEN.broken(rejected, rows) is broken


def test_a_threshold_of_nothing_allows_nothing_and_one_of_all_allows_all():
    assert Budget(0).broken(1, 1_000_000)
    assert not Budget(0).broken(0, 1_000_000)
    assert not Budget(100).broken(5, 5)


@pytest.mark.acceptance("1.02", part="the rejection reason")
def test_the_reason_reads_as_promised():
    assert TEN.reason(15, 100) == "Error rate 15.0% exceeded threshold 10%"


@pytest.mark.parametrize(
    ("rejected", "rows", "rate"), [(1_001, 10_000, "10.01"), (100_001, 1_000_000, "10.0001"), (101, 1_000, "10.1")]
)
def test_a_rate_just_above_the_threshold_is_not_rounded_down_to_it(rejected: int, rows: int, rate: str):
    assert TEN.reason(rejected, rows) == f"Error rate {rate}% exceeded threshold 10%"


@given(rows=st.integers(1, 10**9), data=st.data(), threshold=st.integers(0, 100))
def test_every_broken_budget_names_a_rate_above_its_threshold(rows: int, data: st.DataObject, threshold: int):
    rejected = data.draw(st.integers(0, rows))
    budget = Budget(threshold)
    if budget.broken(rejected, rows):
        named = budget.reason(rejected, rows).removeprefix("Error rate ").split("%")[0]
        assert float(named) > threshold


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_threshold_outside_0_to_100_is_refused(percent: int):
    with pytest.raises(ThresholdOutOfRange, match=rf"whole per cent from 0 to 100\. \({percent}\)") as refused:
        Budget(percent)
    assert isinstance(refused.value, DomainError)


def test_the_rate_of_a_file_without_rows_is_nothing():
    assert error_rate(0, 0) == 0.0
