"""The inbound rate limit over HTTP: who is limited, how often, and what the headers say."""

import asyncio
import re
import threading
from ipaddress import ip_address, ip_network

import pytest
from http_door import assert_problem, open_door

from dispatch.application.limits import InboundPlan
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.limits import Decision, Limit
from dispatch.domain.gcra import Rate
from dispatch.entrypoints.http.callers import caller, counted_as
from dispatch.entrypoints.http.inbound_limit import Turnstile

pytestmark = pytest.mark.postgres
PATH = "/v1/profiles"
NAMES = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy")


@pytest.mark.acceptance("3.08", part="free: 100 a minute of one address")
@pytest.mark.acceptance("3.09")
@pytest.mark.acceptance("X19")
async def test_the_hundred_and_first_request_is_refused_and_the_headers_are_what_is_enforced(database_url, tmp_path):
    async with open_door(database_url, tmp_path, inbound_limit_loopback=True) as door:
        answers = await asyncio.gather(*(door.client.get(PATH) for _ in range(130)))
        passed = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code == 429]
        took_s = max(answer.elapsed.total_seconds() for answer in answers)
        assert len(passed) + len(refused) == 130
        assert 100 <= len(passed) <= 100 + 1 + took_s * 100 / 60, "all at one moment, and none too many"
        for answer in answers:
            assert answer.headers["x-ratelimit-limit"] == "100"
            assert answer.headers["ratelimit-policy"] == '"free";q=100;w=60'
            told = re.fullmatch(r'"free";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
            assert told
            assert told[1] == answer.headers["x-ratelimit-remaining"]
            assert told[2] == answer.headers["x-ratelimit-reset"]
        remaining = [int(answer.headers["x-ratelimit-remaining"]) for answer in passed]
        assert len(set(remaining)) >= 98, "each has been told its own number"
        for answer in refused:
            body = assert_problem(answer, 429, "too_many_requests")
            assert answer.headers["x-ratelimit-remaining"] == "0"
            assert int(answer.headers["retry-after"]) >= 1
            assert "100 a minute" in body["detail"]
        for path in ("/livez", "/metrics", "/schema/openapi.json", "/"):
            answer = await door.client.get(path)
            assert answer.status_code == 200, path
            assert not set(NAMES) & set(answer.headers), "only the API is counted"


@pytest.mark.acceptance("3.09")
async def test_a_refused_caller_passes_again_after_retry_after(database_url, tmp_path):
    async with open_door(database_url, tmp_path, inbound_limit_loopback=True) as door:
        waits: list[int] = []
        while not waits:  # A slow machine gets more than a hundred through: their time goes by meanwhile.
            answers = await asyncio.gather(*(door.client.get(PATH) for _ in range(110)))
            waits = [int(answer.headers["retry-after"]) for answer in answers if answer.status_code == 429]
        await asyncio.sleep(min(waits))
        assert (await door.client.get(PATH)).status_code == 200


@pytest.mark.acceptance("3.08", part="whoever is on the machine is not limited")
async def test_callers_on_the_machine_are_exempt_unless_said_otherwise(door):
    answers = await asyncio.gather(*(door.client.get(PATH) for _ in range(120)))
    assert {answer.status_code for answer in answers} == {200}
    assert not set(NAMES) & set(answers[0].headers)


@pytest.mark.acceptance("3.08", part="each address alone, behind a proxy that is trusted")
async def test_behind_a_trusted_proxy_each_address_has_its_own_limit(database_url, tmp_path):
    async with open_door(database_url, tmp_path, trusted_proxies="127.0.0.0/8", inbound_plan="paid") as door:

        async def remaining(forwarded: str) -> str:
            answer = await door.client.get(PATH, headers={"X-Forwarded-For": forwarded})
            assert answer.headers["x-ratelimit-limit"] == "1000"
            return answer.headers["x-ratelimit-remaining"]

        assert await remaining("203.0.113.7") == "999"
        assert await remaining("198.51.100.1, 203.0.113.7") == "998", "what a caller writes before it is not believed"
        assert await remaining("203.0.113.8") == "999"
        limits = {limit["name"]: limit for limit in (await door.client.get("/v1/limits")).json()["items"]}
        assert limits["caller:paid:*"]["in_use"] == 2
        assert limits["caller:paid:*"]["per"] == 1000
        assert not any("203.0.113" in name for name in limits), "callers are counted, not named"


@pytest.mark.acceptance("3.08", part="nobody is believed who is not trusted")
async def test_without_trusted_proxies_nobody_can_be_somebody_else(database_url, tmp_path):
    async with open_door(database_url, tmp_path, inbound_limit_loopback=True) as door:
        for index in range(3):
            answer = await door.client.get(PATH, headers={"X-Forwarded-For": f"203.0.113.{index}"})
            assert answer.headers["x-ratelimit-remaining"] == str(99 - index)


@pytest.mark.acceptance("3.08", part="enterprise: no limit")
async def test_enterprise_has_no_limit(database_url, tmp_path):
    async with open_door(database_url, tmp_path, inbound_limit_loopback=True, inbound_plan="enterprise") as door:
        answers = await asyncio.gather(*(door.client.get(PATH) for _ in range(120)))
        assert {answer.status_code for answer in answers} == {200}
        assert not set(NAMES) & set(answers[0].headers)


@pytest.mark.acceptance("S.04", part="100 a second on each channel, and it is shown")
async def test_limits_of_what_goes_out_are_shown_with_how_full_they_are(database_url, tmp_path):
    settings = {"provider_rates": "notifier=5", "tenant_rate_per_s": 2}
    async with open_door(database_url, tmp_path, **settings) as door:
        limits = [Limit("channel:sms", Rate(100)), Limit("provider:notifier", Rate(5)), Limit("tenant:crm", Rate(2))]
        got = await asyncio.to_thread(door.app.limiter.reserve_all, limits, 3, 10.0)
        assert got.granted == 3
        shown = {limit["name"]: limit for limit in (await door.client.get("/v1/limits")).json()["items"]}
        assert (shown["channel:sms"]["per"], shown["channel:sms"]["seconds"]) == (100, 1.0)
        assert shown["channel:email"]["taken"] == 0
        assert shown["provider:notifier"]["taken"] in (2, 3)
        assert 0.9 < shown["tenant:crm"]["waits_s"] <= 1.5
        assert shown["tenant:*"]["in_use"] == 1


DECISION = Decision(allowed=True, limit=1, remaining=0, retry_after_s=0, reset_after_s=0)


async def test_when_nobody_can_decide_requests_pass_and_nobody_is_asked_for_a_while():
    asked = []

    def down(limits):
        asked.append(len(limits))
        raise LedgerUnavailable("no")

    turnstile = Turnstile(down)
    limit = Limit("k", Rate(1))
    assert await turnstile.decide(limit) is None
    assert await turnstile.decide(limit) is None
    assert asked == [1]


async def test_a_decision_that_does_not_come_is_not_waited_for():
    release = threading.Event()
    turnstile = Turnstile(lambda limits: [DECISION] if release.wait(60) else [])
    try:
        assert await asyncio.wait_for(turnstile.decide(Limit("k", Rate(1))), 30) is None
    finally:
        release.set()


async def test_requests_that_wait_together_are_decided_together():
    groups, first = [], threading.Event()

    def decide(limits):
        groups.append(len(limits))
        first.wait(0.1)
        return [DECISION for _ in limits]

    turnstile = Turnstile(decide)
    answers = await asyncio.gather(*(turnstile.decide(Limit("k", Rate(1))) for _ in range(20)))
    assert sum(groups) == len(answers) == 20
    assert len(groups) <= 2


async def test_a_bug_of_the_limiter_is_seen():
    def broken(limits):
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await Turnstile(broken).decide(Limit("k", Rate(1)))


TRUSTED = [ip_network("10.0.0.0/8"), ip_network("::1/128")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1, 10.2.3.4"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["2001:db8::5"], "2001:db8::5"),
        ("::1", ["10.9.9.9"], "10.9.9.9"),
    ],
)
def test_who_calls(peer, forwarded, expected):
    scope = {"client": (peer, 1), "headers": [(b"x-forwarded-for", each.encode()) for each in forwarded]}
    assert caller(scope, TRUSTED) == ip_address(expected)


def test_over_a_unix_socket_nobody_is_named():
    assert caller({"client": None, "headers": []}, TRUSTED) is None


def test_a_site_with_ipv6_is_one_caller():
    assert counted_as(ip_address("2001:db8:1:2::1")) == counted_as(ip_address("2001:db8:1:2:ffff::9"))
    assert counted_as(ip_address("2001:db8:1:3::1")) != counted_as(ip_address("2001:db8:1:2::1"))
    assert counted_as(ip_address("192.0.2.1")) == "192.0.2.1"
    assert InboundPlan("enterprise", None).limit("192.0.2.1") is None
