"""Which limits a call has, why something waits and until when, and what is shown of them."""

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.adapters.limits_memory import MemoryLimiter
from dispatch.application.limits import PLANS, InboundPlan, OutboundRates, held, show_limits
from dispatch.application.ports.limits import Limit
from dispatch.domain.gcra import Rate
from dispatch.entrypoints.limit_settings import read_plan, read_proxies, read_rates
from dispatch.entrypoints.settings import Settings, SettingsError, load_settings, outbound_rates

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ALL = OutboundRates(channel_per_s=100, providers_per_s={"notifier": 20}, tenant_per_s=5)


@pytest.mark.acceptance("S.04", part="100 a second on each channel unless said otherwise")
def test_a_channel_has_a_hundred_a_second_unless_said_otherwise():
    assert outbound_rates(Settings()).limits(channel="sms", provider="notifier", tenant="webhook:crm") == [
        Limit("channel:sms", Rate(100, 1.0, 1))
    ]


@pytest.mark.acceptance("4.21", part="RATE_LIMIT_PER_SEC: the rate is a setting")
def test_rates_are_settings():
    told = {
        "DISPATCH_CHANNEL_RATE_PER_S": "7",
        "DISPATCH_PROVIDER_RATES": "notifier=50 email_verifier=20",
        "DISPATCH_TENANT_RATE_PER_S": "2",
    }
    limits = outbound_rates(load_settings(told).settings).limits(
        channel="sms", provider="email_verifier", tenant="source:partner"
    )
    assert limits == [
        Limit("channel:sms", Rate(7)),
        Limit("provider:email_verifier", Rate(20)),
        Limit("tenant:source:partner", Rate(2)),
    ]


def test_what_is_not_named_or_zero_has_no_limit():
    assert OutboundRates(channel_per_s=0).limits(channel="sms", provider="x", tenant="t") == []
    assert ALL.limits(provider="other") == []
    assert ALL.limits() == []


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("INBOUND_PLAN", "gold", "write one of free, paid, enterprise"),
        ("TRUSTED_PROXIES", "10.0.0.0/8 proxy", "'proxy' is neither an address nor a network"),
        ("PROVIDER_RATES", "notifier=fast", "'notifier=fast' is not NAME=CALLS"),
        ("PROVIDER_RATES", "notifier=0", "whole number from 1"),
        ("PROVIDER_RATES", "a=1 a=2", "'a=2' is there twice"),
        ("CHANNEL_RATE_PER_S", "-1", "out of range"),
    ],
)
def test_a_setting_that_cannot_be_used_says_how_it_is_written(variable, value, says):
    with pytest.raises(SettingsError, match=f"DISPATCH_{variable}.*{says}"):
        load_settings({f"DISPATCH_{variable}": value})


def test_settings_are_read():
    assert read_plan("paid") == InboundPlan("paid", Rate(1000, 60.0, 1000))
    assert [str(network) for network in read_proxies("10.0.0.7 fd00::/8")] == ["10.0.0.7/32", "fd00::/8"]
    assert read_rates("") == {}


@pytest.mark.acceptance("3.08", part="free 100, paid 1000, enterprise unlimited, a minute; free where nothing is said")
def test_plans():
    per_minute = {name: rate and (rate.per, rate.burst, rate.seconds) for name, rate in PLANS.items()}
    assert per_minute == {"free": (100, 100, 60.0), "paid": (1000, 1000, 60.0), "enterprise": None}
    assert Settings().inbound_plan == "free"


def test_what_waits_says_why_and_until_when():
    now = [1_000_000_000_000]
    limiter = MemoryLimiter(lambda: now[0])
    limits = ALL.limits(channel="sms", tenant="webhook:crm")
    first = limiter.reserve_all(limits, 1, 1.0)
    assert held(first, NOON) is None, "it may go"
    second = limiter.reserve_all(limits, 1, 1.0)
    why = held(second, NOON)
    assert why is not None
    assert why.reason == "rate_limited:tenant:webhook:crm"
    assert why.until == NOON + timedelta(seconds=0.2)
    while limiter.reserve_all(limits, 1, 1.0).granted:
        pass
    refused = held(limiter.reserve_all(limits, 1, 1.0), NOON)
    assert refused is not None
    assert refused.reason == "rate_limited:tenant:webhook:crm"
    assert NOON < refused.until <= NOON + timedelta(seconds=0.2)


def test_every_limit_is_shown_with_how_full_it_is():
    now = [1_000_000_000_000]
    limiter = MemoryLimiter(lambda: now[0])
    limiter.reserve_all(ALL.limits(channel="sms", provider="notifier", tenant="webhook:crm"), 1, 1.0)
    limiter.check("caller:free:192.0.2.1", Rate(100, 60.0, 100))
    shown = {limit.name: limit for limit in show_limits(limiter, ALL, read_plan("free"))}
    named = {"channel:sms", "channel:email", "provider:notifier", "tenant:webhook:crm", "tenant:*", "caller:free:*"}
    assert set(shown) >= named
    assert (shown["channel:sms"].taken, shown["channel:sms"].waits_s) == (1, pytest.approx(0.01))
    assert (shown["tenant:webhook:crm"].taken, shown["tenant:webhook:crm"].waits_s) == (1, pytest.approx(0.2))
    assert (shown["tenant:*"].in_use, shown["caller:free:*"].in_use) == (1, 1)
    now[0] += 1_000_000_000
    later = {limit.name: limit for limit in show_limits(limiter, ALL, read_plan("enterprise"))}
    assert (later["channel:sms"].taken, later["channel:sms"].waits_s) == (0, 0.0)
    assert "tenant:webhook:crm" not in later
    assert "caller:enterprise:*" not in later
