"""The rate limit as arithmetic, beside a bucket that is filled token by token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.domain.gcra import take


def test_a_burst_goes_at_once_and_what_follows_keeps_its_distance():
    taken = take(0.0, 100.0, 5, interval_s=0.5, burst=3, horizon_s=1.0)
    assert taken.granted == 5
    assert [max(0.0, taken.first_after_s + place * 0.5) for place in range(5)] == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert taken.next_after_s == pytest.approx(1.5)


def test_nothing_is_granted_beyond_the_horizon_and_nothing_is_taken_for_it():
    taken = take(0.0, 100.0, 10, interval_s=1.0, burst=1, horizon_s=2.0)
    assert taken.granted == 3
    again = take(taken.arrival, 100.0, 10, interval_s=1.0, burst=1, horizon_s=2.0)
    assert (again.granted, again.arrival, again.next_after_s) == (0, taken.arrival, 3.0)


demands = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), min_size=1, max_size=40)


@given(demands, st.integers(1, 6), st.integers(1, 8), st.integers(0, 10))
def test_it_grants_what_a_bucket_would_and_never_more(demand, interval, burst, horizon):
    """Time goes in whole ticks, so that both reckon exactly."""
    now, arrival, uses, bucket = 0, 0.0, [], []
    for passed, n in demand:
        now += passed
        taken = take(arrival, now, n, interval_s=interval, burst=burst, horizon_s=horizon)
        arrival = taken.arrival
        mine = [max(now, now + taken.first_after_s + place * interval) for place in range(taken.granted)]
        uses += mine
        bucket += by_hand(bucket, now, n, interval, burst, horizon)
    assert uses == bucket
    for start in uses:
        within = sum(start <= use < start + 10 * interval for use in uses)
        assert within <= burst + 10, "more than rate x time + burst"


def by_hand(used, now, n, interval, burst, horizon):
    """Each call at the first time at which a bucket of `burst` tokens, one more every `interval`, has one."""
    mine = []
    for _ in range(n):
        at = now
        while tokens(used + mine, at, interval, burst) < 1:
            at += 1
        if at > now + horizon:
            break
        mine.append(at)
    return mine


def tokens(used, at, interval, burst):
    """What is left for a call at this time, in calls; time runs in ticks."""
    level, last = burst * interval, 0
    for use in sorted(used):
        level = min(burst * interval, level + max(0, use - last)) - interval
        last = max(last, use)
    return (min(burst * interval, level + max(0, at - last))) / interval
