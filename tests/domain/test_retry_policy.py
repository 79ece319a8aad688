"""The retry policy: 1 s doubling to 60 s, jitter of at most 250 ms, five attempts (acceptance S.03)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.domain.retry import RetryPolicy

POLICY = RetryPolicy()


@pytest.mark.acceptance("S.03", part="1 s·2ⁿ, cap 60 s")
@pytest.mark.parametrize(
    ("attempt", "delay_s"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (5000, 60)]
)
def test_the_backoff_doubles_up_to_its_cap(attempt: int, delay_s: float):
    assert POLICY.delay_s(attempt, chance=0.0) == delay_s


@pytest.mark.acceptance("S.03", part="jitter 0–250 ms")
@given(attempt=st.integers(1, 100), chance=st.floats(0, 1, exclude_max=True))
def test_the_jitter_adds_less_than_a_quarter_of_a_second(attempt: int, chance: float):
    backoff = POLICY.delay_s(attempt, chance=0.0)
    assert backoff <= POLICY.delay_s(attempt, chance) <= backoff + 0.25


def test_half_a_chance_is_half_the_jitter():
    assert POLICY.delay_s(1, chance=0.5) == 1.125


@pytest.mark.acceptance("S.03", part="5 attempts")
def test_the_fifth_attempt_is_the_last():
    assert [POLICY.exhausted(attempt) for attempt in range(1, 7)] == [False, False, False, False, True, True]


@pytest.mark.parametrize(
    ("attempt", "asked_s", "delay_s"),
    [(1, 90.0, 90), (4, 2.0, 8), (1, 86_400.0, 3600), (1, 0.0, 1), (1, -5.0, 1)],
    ids=["longer wins", "shorter loses", "clamped to an hour", "zero", "nonsense"],
)
def test_a_provider_may_ask_for_more_time_never_for_less(attempt: int, asked_s: float, delay_s: float):
    assert POLICY.delay_s(attempt, 0.0, asked_s) == delay_s
