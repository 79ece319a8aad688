"""The rate limit's arithmetic, beside a token bucket that counts by hand in fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.domain.gcra import NS, Pace, Rate, Taken, pace, portion, room, take

RATES = st.builds(Rate, st.integers(1, 2_000), st.sampled_from([0.5, 1.0, 7.0, 60.0]), st.integers(1, 200))
CALLS = st.lists(st.tuples(st.integers(0, 3 * NS), st.integers(1, 40)), min_size=1, max_size=60)
START = 1_764_000_000 * NS


class Bucket:
    """A bucket of `burst` tokens that fills one token in each interval, in exact numbers."""

    def __init__(self, rate: Rate) -> None:
        self.rate, self.level, self.at = rate, Fraction(rate.burst), START

    def take(self, now: int, asked: int) -> int:
        filled = self.level + Fraction(now - self.at, self.rate.interval_ns)
        self.level, self.at = min(Fraction(self.rate.burst), filled), now
        granted = min(asked, int(self.level))
        self.level -= granted
        return granted


@given(RATES, CALLS)
def test_without_a_horizon_it_is_a_token_bucket(rate, calls):
    bucket, tat, now = Bucket(rate), 0, START
    for pause, asked in calls:
        now += pause
        taken = take(tat, now, rate, asked)
        assert taken.granted == bucket.take(now, asked)
        assert room(taken.tat_ns, now, rate) == int(bucket.level)
        tat = taken.tat_ns


@given(RATES, CALLS, st.integers(0, 2 * NS), st.integers(1, 3))
def test_in_no_time_pass_more_than_the_rate_and_the_burst(rate, calls, horizon, share):
    tat, now, uses = 0, START, []
    for pause, asked in calls:
        now += pause
        taken = take(tat, now, rate, asked, horizon_ns=horizon, share=share)
        tat = taken.tat_ns
        waits = [taken.starts_after_ns(number) for number in range(1, taken.granted + 1)]
        assert all(wait <= horizon for wait in waits), "nothing is reserved behind the horizon"
        uses += [now + wait for wait in waits]
    assert uses == sorted(uses), "first come, first served"
    for first, begin in enumerate(uses):
        for last in range(first, len(uses)):
            within = rate.burst + (uses[last] - begin) * rate.per / (rate.seconds * NS)
            assert last - first + 1 <= within + 1e-6


@given(RATES, CALLS, st.integers(0, 2 * NS))
def test_when_it_is_asked_again_at_the_time_said_there_is_room(rate, calls, horizon):
    tat, now = 0, START
    for pause, asked in calls:
        now += pause
        taken = take(tat, now, rate, asked, horizon_ns=horizon)
        tat = taken.tat_ns
        again = taken.room_after_ns(1, horizon)
        assert room(tat, now + again, rate, horizon) >= 1
        if again > 0:
            assert room(tat, now + again - 1, rate, horizon) == 0


@given(st.lists(st.tuples(RATES, st.integers(-5 * NS, NS)), min_size=1, max_size=3), st.integers(1, 50))
def test_one_pace_keeps_every_limit(limits, granted):
    taken = [Taken(rate, max(START, START + ahead), START, granted) for rate, ahead in limits]
    one = pace(taken)
    for index in range(granted):
        start = one.delay_ns + max(0, index + 1 - one.at_once) * one.interval_ns
        assert all(start >= each.starts_after_ns(index + 1) for each in taken)


@given(st.integers(1, 600), st.integers(-3, 600), st.integers(1, 4))
def test_a_portion_is_a_part_of_the_room_and_never_nothing_while_there_is_some(asked, free, share):
    got = portion(asked, free, share)
    assert 0 <= got <= min(asked, max(free, 0))
    assert (got > 0) == (free > 0)
    assert got <= max(1, free // share) or free <= 0


def test_nothing_granted_has_no_pace():
    assert pace([Taken(Rate(1), START, START, 0)]) == Pace(0, 0, 0)


@pytest.mark.parametrize("wrong", [(0, 1.0, 1), (1, 0.0, 1), (1, -1.0, 1), (1, 1.0, 0)])
def test_a_rate_is_above_zero(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        Rate(*wrong)
