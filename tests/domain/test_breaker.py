"""A circuit breaker: when it opens, how long it waits, and what a probe decides; and how health fades."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.domain.breaker import Breaker, BreakerPolicy, BreakerState
from dispatch.domain.health import FADES_IN_S, Health

POLICY = BreakerPolicy()


def after(*calls: tuple[float, int, int]) -> Breaker:
    breaker = Breaker()
    for now, count, failures in calls:
        breaker = breaker.observe(now, calls=count, failures=failures)
    return breaker


def test_it_opens_when_half_of_twenty_calls_within_the_window_failed():
    assert after((100, 19, 19)).state(100) is BreakerState.CLOSED
    assert after((100, 19, 9), (101, 1, 0)).state(101) is BreakerState.CLOSED
    assert after((100, 19, 9), (101, 1, 1)).state(101) is BreakerState.OPEN


def test_calls_of_an_earlier_window_count_no_more():
    assert after((100, 19, 19), (131, 1, 1)).state(131) is BreakerState.CLOSED


def test_a_provider_that_refuses_us_altogether_opens_it_at_once():
    breaker = Breaker().observe(100, calls=1, failures=1, tripped=True)
    assert breaker.state(100) is BreakerState.OPEN


def test_after_its_pause_one_probe_closes_it_or_opens_it_for_longer():
    breaker = after((100, 20, 20))
    assert breaker.open_until == 100 + POLICY.pause_first_s
    assert breaker.state(105) is BreakerState.HALF_OPEN
    well = breaker.observe(105, calls=1, failures=0)
    assert (well.state(105), well.opened, well.failures) == (BreakerState.CLOSED, 0, 0)
    ill = breaker.observe(105, calls=1, failures=1)
    assert ill.open_until == 105 + 2 * POLICY.pause_first_s


def test_late_answers_from_before_it_opened_decide_nothing():
    breaker = after((100, 20, 20))
    assert breaker.observe(101, calls=5, failures=0) == breaker


def test_an_empty_report_changes_nothing():
    breaker = after((100, 20, 20))
    assert breaker.observe(106, calls=0, failures=0) is breaker


@given(st.integers(1, 40), st.floats(0, 0.999))
def test_the_pause_doubles_up_to_its_cap_and_is_spread_by_a_fifth(times: int, chance: float):
    breaker, now = Breaker(), 1000.0
    for _ in range(times):
        breaker = breaker.observe(now, calls=20, failures=20, chance=chance)
        pause_s = breaker.open_until - now
        least = min(POLICY.pause_max_s, POLICY.pause_first_s * 2.0 ** (breaker.opened - 1))
        assert least <= pause_s <= least * (1 + POLICY.jitter_share)
        now = breaker.open_until
    assert breaker.opened == times


def test_health_is_a_share_in_which_the_last_minute_counts_most():
    ill = Health().after(0.0, calls=10, failures=10, took_ms=1000)
    assert (ill.score, ill.took_ms) == (0.0, 100.0)
    better = ill.after(FADES_IN_S, calls=10, failures=0, took_ms=0)
    assert better.score == pytest.approx(1 - 1 / (1 + 2.718281828), abs=1e-6)
    assert ill.after(3600.0, calls=1, failures=0, took_ms=5).score == pytest.approx(1.0)
    assert Health().score == 1.0
