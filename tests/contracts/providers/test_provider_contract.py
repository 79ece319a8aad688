"""The contract of the three ports, kept by the HTTP adapters in every weather."""

import asyncio
from collections.abc import Callable

import pytest
from calls import METHODS, Adapters, http, message
from msgspec.structs import replace

from dispatch.adapters.providers.simulator import PRESETS, Scenario
from dispatch.adapters.providers.simulator.scenario import ACCIDENTS
from dispatch.application.ports.providers import (
    Channel,
    FoundContact,
    ProviderRefused,
    ProviderUnavailable,
    Verdict,
)
from dispatch.domain.job.receipt_status import ReceiptStatus

CODES = {
    "calm": set(),
    "demo": {"server_error", "rate_limited", "connection_lost", "garbage"},
    "flaky": {"server_error", "rate_limited", "connection_lost", "garbage", "timeout"},
    "garbage": {"garbage"},
    "rate_limited": {"rate_limited"},
    "slow": {"timeout"},
    "receipts": set(),
    "repeating": set(),
    "flapping": set(),  # Coming and going has tests of its own: here it stays up.
    "rough": {"server_error", "rate_limited", "connection_lost", "garbage"},
}


async def insist(call: Callable[[], object], attempts_max: int = 8) -> tuple[object, list[str]]:
    """The answer in the end, or the refusal's code; and the accidents on the way."""
    accidents: list[str] = []
    while len(accidents) < attempts_max:
        try:
            return await call(), accidents
        except ProviderRefused as refusal:
            return refusal.code, accidents
        except ProviderUnavailable as accident:
            accidents.append(accident.code)
    raise AssertionError(f"no answer after {accidents}")


async def ends_of(adapters: Adapters, method: str, keys: list[str]) -> list[tuple[object, list[str]]]:
    return await asyncio.gather(*(insist(lambda key=key: adapters.call(method, key)) for key in keys))


@pytest.mark.acceptance("S.03")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", PRESETS)
async def test_every_call_ends_as_it_would_without_accidents(simulate, name: str, method: str):
    scenario = replace(PRESETS[name], slow_ms=60_000, latency_ms=0, jitter_ms=0, flap_down_s=0)
    _, adapters = await simulate(scenario, timeout_s=0.5 if scenario.slow else 10)
    _, spared = await simulate(replace(scenario, **dict.fromkeys(ACCIDENTS, 0)))
    keys = [f"job-{number}" for number in range(150)]
    if method == "receipt":
        await ends_of(spared, "send", keys)
        keys = [str(message_id) for message_id, _ in await ends_of(adapters, "send", keys)]

    ends = await ends_of(adapters, method, keys)

    assert [answer for answer, _ in ends] == [answer for answer, _ in await ends_of(spared, method, keys)]
    assert {code for _, accidents in ends for code in accidents} <= CODES[name]
    assert any(accidents for _, accidents in ends) == bool(CODES[name])
    assert max(len(accidents) for _, accidents in ends) <= scenario.failures_max


async def test_a_finder_completes_what_is_known(simulate):
    _, adapters = await simulate(Scenario())
    found = await adapters.finder.find("JOB 7/ä", "Zoë & Co", "SW1A 1AA", "", "")
    assert (found.email, found.source) == ("job-7@example.com", "simulator")
    assert found.phone.startswith("+447700900")
    assert len(found.phone) == 13
    known = await adapters.finder.find("JOB 7", "", "", "a+b@example.com", "+447700900001")
    assert known == FoundContact(email="a+b@example.com", phone="+447700900001", source="simulator")


@pytest.mark.acceptance("2.11", part="name, e-mail, phone, profile and source of whoever holds a role")
async def test_a_finder_knows_who_holds_a_role_the_same_one_every_time(simulate):
    _, adapters = await simulate(Scenario())
    roles = ("CEO", "CFO", "HR Director")
    found = [await adapters.finder.find_in_role("www.ashworth.example.com", "Ashworth & Co", role) for role in roles]
    again = [await adapters.finder.find_in_role("www.ashworth.example.com", "Ashworth & Co", role) for role in roles]
    assert found == again
    assert len({person.email for person in found}) == 3
    for person in found:
        assert person.name
        assert person.email.endswith("@ashworth.example.com")
        assert person.phone.startswith("+447700900")
        assert person.profile_url.startswith("https://people.example/in/")
        assert person.source == "simulator"


@pytest.mark.acceptance("2.11", part="whether somebody is known is drawn for each role by itself")
async def test_some_roles_of_a_company_are_unknown(simulate):
    world, adapters = await simulate(Scenario(no_such_contact=0.5))
    asked = [(number, role) for number in range(60) for role in ("CEO", "CFO", "HR Director")]
    answers = [
        (await insist(lambda n=number, r=role: adapters.finder.find_in_role(f"c{n}.example.com", "C", r)))[0]
        for number, role in asked
    ]
    known = [one for one, answer in zip(asked, answers, strict=True) if answer != "no_such_contact"]
    assert 60 < len(known) < 120
    assert world.stats().errors == {"no_such_contact": 180 - len(known)}
    of_one = {number: sum(company == number for company, _ in known) for number in range(60)}
    assert set(of_one.values()) == {0, 1, 2, 3}


async def test_an_answer_about_a_role_without_its_fields_is_garbage(scripted):
    adapters = await scripted(http(200, '{"email": "a@example.com"}'))
    with pytest.raises(ProviderUnavailable, match="garbage"):
        await adapters.finder.find_in_role("a.example", "A", "CEO")


async def test_an_unknown_person_is_refused(simulate):
    _, adapters = await simulate(Scenario(no_such_contact=1))
    with pytest.raises(ProviderRefused, match=r"^no_such_contact$"):
        await adapters.call("find", "job-1")


@pytest.mark.acceptance("S.11")
@pytest.mark.parametrize(
    ("scenario", "verdict"),
    [
        (Scenario(), Verdict.VALID),
        (Scenario(invalid_email=1), Verdict.INVALID),
        (Scenario(risky_email=1), Verdict.RISKY),
        (Scenario(unknown_email=1), Verdict.UNKNOWN),
    ],
)
async def test_a_verifier_judges_an_address(simulate, scenario: Scenario, verdict: Verdict):
    _, adapters = await simulate(scenario)
    assert await adapters.verifier.verdict("o'brien+jobs@example.com") is verdict


async def test_an_address_without_a_mailbox_is_refused_and_has_no_effect(simulate):
    world, adapters = await simulate(Scenario(no_such_mailbox=1))
    with pytest.raises(ProviderRefused, match=r"^no_such_mailbox$"):
        await adapters.call("send", "job-1")
    assert (world.stats().effects, world.stats().keys_seen) == (0, 1)


async def test_the_same_key_is_the_same_message_and_one_effect(simulate):
    world, adapters = await simulate(Scenario())
    there = message("job-1", variables={"day": "Monday", "slot": "am"})
    back = message("job-1", variables={"slot": "am", "day": "Monday"})
    assert await adapters.notifier.send(there) == await adapters.notifier.send(back)
    assert await adapters.notifier.send(message("job-2", channel=Channel.SMS, to="+447700900001"))
    stats = world.stats()
    assert (stats.requests, stats.effects, stats.duplicates, stats.keys_seen) == (3, 2, 1, 2)


async def test_the_same_key_with_another_body_is_refused(simulate):
    world, adapters = await simulate(Scenario())
    await adapters.notifier.send(message("job-1"))
    with pytest.raises(ProviderRefused, match=r"^idempotency_key_reused$"):
        await adapters.notifier.send(message("job-1", to="someone.else@example.com"))
    assert world.stats().effects == 1


async def test_lost_replies_leave_one_effect_per_key(simulate):
    world, adapters = await simulate(Scenario(lost_reply=0.5, failures_max=3))
    keys = [f"job-{number}" for number in range(300)]
    ends = await ends_of(adapters, "send", keys)
    stats = world.stats()
    lost = sum(len(accidents) for _, accidents in ends)
    assert {code for _, accidents in ends for code in accidents} == {"connection_lost"}
    assert len({answer for answer, _ in ends}) == stats.effects == stats.keys_seen == 300
    assert stats.duplicates == stats.errors["lost_reply"] == lost > 150
    assert stats.requests == 300 + lost


async def test_a_message_is_found_by_its_key_once_it_was_accepted(simulate):
    _, adapters = await simulate(Scenario())
    assert await adapters.notifier.lookup("job-1") is None
    message_id = await adapters.notifier.send(message("job-1"))
    assert await adapters.notifier.lookup("job-1") == message_id


async def test_a_receipt_is_pending_for_its_first_polls(simulate):
    _, adapters = await simulate(Scenario(receipts_pending_polls=2))
    message_id = await adapters.notifier.send(message("job-1"))
    polls = [await adapters.notifier.receipt(message_id) for _ in range(4)]
    assert polls == [ReceiptStatus.PENDING] * 2 + [ReceiptStatus.DELIVERED] * 2


async def test_a_receipt_may_say_failed(simulate):
    _, adapters = await simulate(Scenario(receipts_failed=1))
    assert await adapters.notifier.receipt(await adapters.notifier.send(message("job-1"))) is ReceiptStatus.FAILED


@pytest.mark.parametrize("message_id", ["m_unknown", "../stats", "m?x=1#y", ""])
async def test_an_unknown_message_has_no_receipt(simulate, message_id: str):
    _, adapters = await simulate(Scenario())
    with pytest.raises(ProviderRefused, match=r"^no_such_message$"):
        await adapters.notifier.receipt(message_id)


@pytest.mark.parametrize("method", METHODS)
async def test_a_key_opens_the_door_and_a_wrong_one_does_not(simulate, method: str):
    scenario = Scenario(api_key="right")
    world, wrong = await simulate(scenario, api_key="wrong")
    with pytest.raises(ProviderRefused, match=r"^bad_credentials$"):
        await wrong.call(method, "job-1")
    assert world.stats().errors == {"bad_credentials": 1}
    _, right = await simulate(scenario, api_key="right")
    key = await right.notifier.send(message("job-1")) if method == "receipt" else "job-1"
    assert await right.call(method, key)
