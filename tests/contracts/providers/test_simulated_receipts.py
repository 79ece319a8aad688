"""Receipts that the simulator sends by itself, and a provider that comes and goes: as declared, and by the seed."""

import asyncio
import base64
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from calls import Adapters, message, running
from msgspec.structs import asdict, replace
from standardwebhooks.webhooks import Webhook

from dispatch.adapters.providers.http import build_client
from dispatch.adapters.providers.simulator import CALM, PRESETS, Scenario, Simulator, changed, scenario_of
from dispatch.adapters.providers.simulator.flapping import up_in_s
from dispatch.adapters.providers.simulator.receipts import planned
from dispatch.application.ports.providers import ProviderUnavailable
from receiver import Receiver, receiver

SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"
IDS = [f"m-{number}" for number in range(2_000)]


async def until(met, within_s: float = 30.0) -> None:
    """Ask until it is so."""
    for _ in range(round(within_s * 100)):
        if met():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"not so within {within_s:g} s")


def told(to: Receiver) -> list[dict]:
    """Every receipt that arrived, in order; each request must be signed as the reference library checks."""
    found = []
    for request in to.received:
        found += Webhook(SECRET).verify(request.body, request.headers)
    return found


async def send(adapters: Adapters, count: int) -> dict[str, str]:
    """Key by message id of so many messages that were taken."""
    ids = await asyncio.gather(*(adapters.notifier.send(message(f"job-{number}")) for number in range(count)))
    return {message_id: f"job-{number}" for number, message_id in enumerate(ids)}


async def test_every_receipt_comes_as_often_as_declared_signed_and_shuffled(simulate):
    with receiver() as to:
        world, adapters = await simulate(
            Scenario(
                receipts_copies=3,
                receipts_jitter_ms=200,
                receipts_to=to.url,
                receipts_secret=SECRET,
                receipts_at_once=7,
            )
        )
        sent = await send(adapters, 40)
        await until(lambda: world.stats().receipts.get("sent") == 120)
        receipts = told(to)
    assert Counter(receipt["message_id"] for receipt in receipts) == dict.fromkeys(sent, 3)
    assert {receipt["status"] for receipt in receipts} == {"delivered"}
    first_seen = list(dict.fromkeys(receipt["message_id"] for receipt in receipts))
    assert first_seen != list(sent), "they overtake each other"
    assert max(len(json.loads(request.body)) for request in to.received) <= 7
    assert world.stats().receipts == {"planned": 120, "sent": 120}


async def test_a_repeated_send_brings_no_second_receipt(simulate):
    with receiver() as to:
        world, adapters = await simulate(Scenario(receipts_copies=1, receipts_to=to.url, receipts_secret=SECRET))
        for _ in range(3):
            await adapters.notifier.send(message("job-1"))
        await until(lambda: world.stats().receipts.get("sent") == 1)
        await asyncio.sleep(0.1)
        assert len(told(to)) == 1


async def test_they_may_name_the_key_and_come_before_the_answer(simulate):
    with receiver() as to:
        scenario = Scenario(
            latency_ms=30_000, receipts_copies=1, receipts_by_key=True, receipts_to=to.url, receipts_secret=SECRET
        )
        _, adapters = await simulate(scenario)
        sending = asyncio.ensure_future(adapters.notifier.send(message("job-1")))
        await until(lambda: bool(to.received))
        assert not sending.done()
        assert told(to)[0]["idempotency_key"] == "job-1"
        sending.cancel()


async def test_what_is_not_taken_is_sent_again_under_the_same_id_until_it_is(simulate):
    with receiver() as to:
        to.answer = lambda _: (503, {}, b"") if len(to.received) < 3 else (202, {}, b"")
        world, adapters = await simulate(Scenario(receipts_copies=1, receipts_to=to.url, receipts_secret=SECRET))
        await adapters.notifier.send(message("job-1"))
        await until(lambda: world.stats().receipts.get("sent") == 1)
        assert len(set(to.ids())) == 1
        assert world.stats().receipts == {"planned": 1, "sent": 1, "tried_again": 2}


async def test_nothing_is_sent_where_nobody_said_where_to(simulate):
    world, adapters = await simulate(Scenario(receipts_copies=3))
    await adapters.notifier.send(message("job-1"))
    assert world.stats().receipts == {}


async def test_a_reset_forgets_what_was_to_be_sent(simulate):
    with receiver() as to:
        world, adapters = await simulate(
            Scenario(receipts_copies=1, receipts_delay_ms=1_500, receipts_to=to.url, receipts_secret=SECRET)
        )
        await adapters.notifier.send(message("job-1"))
        world.reset()
        await asyncio.sleep(1.8)
        assert to.received == []


def test_the_plan_follows_from_the_seed_and_the_message():
    scenario = PRESETS["repeating"]
    plans = [planned(scenario, message_id) for message_id in IDS]
    assert plans == [planned(scenario, message_id) for message_id in IDS]
    assert plans != [planned(replace(scenario, seed=2), message_id) for message_id in IDS]
    lost = sum(not plan for plan in plans)
    assert 60 <= lost <= 140, "about 5 % of 2,000"
    contradicted = [plan for plan in plans if len({one.status for one in plan}) == 2]
    assert 15 <= len(contradicted) <= 70, "about 2 % of the rest"
    assert {len(plan) for plan in plans} == {0, 3, 6}
    low, high = scenario.receipts_delay_ms / 1000, (scenario.receipts_delay_ms + scenario.receipts_jitter_ms) / 1000
    assert all(low <= one.delay_s <= high for plan in plans for one in plan)


async def test_asked_and_told_are_the_same(simulate):
    with receiver() as to:
        world, adapters = await simulate(
            Scenario(receipts_copies=1, receipts_failed=0.5, receipts_to=to.url, receipts_secret=SECRET)
        )
        sent = await send(adapters, 20)
        await until(lambda: world.stats().receipts.get("sent") == 20)
        for receipt in told(to):
            assert (await adapters.notifier.receipt(receipt["message_id"])).value == receipt["status"]
        assert {receipt["status"] for receipt in told(to)} == {"delivered", "failed"}
        assert len(sent) == 20


def test_a_flapping_provider_is_up_and_down_by_the_clock_and_the_seed():
    scenario = Scenario(flap_up_s=3, flap_down_s=1)
    moments = [second / 10 for second in range(400)]
    down = [up_in_s(scenario, moment) > 0 for moment in moments]
    assert down == [up_in_s(scenario, moment) > 0 for moment in moments]
    assert 95 <= sum(down) <= 105, "a quarter of the time"
    assert sum(before != after for before, after in itertools.pairwise(down)) in {19, 20, 21}
    assert down != [up_in_s(replace(scenario, seed=5), moment) > 0 for moment in moments]
    assert all(up_in_s(scenario, moment + up_in_s(scenario, moment) + 1e-6) == 0 for moment in moments)
    assert up_in_s(CALM, 7.0) == 0


@pytest.mark.parametrize(("drops", "code"), [(False, "server_error"), (True, "connection_lost")])
async def test_while_it_is_down_nothing_is_done_and_then_it_is_up_again(drops: bool, code: str):
    simulator = Simulator(Scenario(flap_up_s=0.3, flap_down_s=0.3, flap_drops=drops))
    answers: list[str] = []
    async with running(simulator), build_client() as client:
        adapters = Adapters(simulator.base_url, client)
        for number in range(60):
            try:
                await adapters.notifier.send(message(f"job-{number}"))
                answers.append("")
            except ProviderUnavailable as error:
                answers.append(error.code)
            await asyncio.sleep(0.02)
        stats = simulator.world.stats()
    assert set(answers) == {"", code}
    assert stats.effects == answers.count("")
    assert stats.errors == {"down": answers.count(code)}
    assert sum(before != after for before, after in itertools.pairwise(answers)) >= 2


async def test_receipts_wait_until_it_is_up(simulate):
    with receiver() as to:
        scenario = Scenario(
            flap_up_s=0.5, flap_down_s=0.5, receipts_copies=1, receipts_delay_ms=1, receipts_to=to.url,
            receipts_secret=SECRET,
        )  # fmt: skip
        world, adapters = await simulate(scenario)
        taken = 0
        for number in range(30):
            try:
                await adapters.notifier.send(message(f"job-{number}"))
                taken += 1
            except ProviderUnavailable:
                await asyncio.sleep(0.1)
        await until(lambda: world.stats().receipts.get("sent") == taken > 0)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"receipts_lost": 1.5}, "receipts_lost is a rate from 0 to 1"),
        ({"receipts_copies": -1}, "receipts_copies cannot be negative"),
        ({"receipts_at_once": 0}, "receipts_at_once is 1 to 1,000"),
        ({"receipts_to": "localhost"}, "receipts_to is an absolute URL"),
        ({"receipts_to": "http://127.0.0.1", "receipts_secret": "hush-hush"}, "receipts_secret is whsec_"),
        ({"flap_down_s": 1}, "it would never be up"),
    ],
)
def test_what_cannot_be_is_told(fields: dict, complaint: str):
    with pytest.raises(ValueError, match=complaint) as raised:
        changed(CALM, fields)
    assert "hush" not in str(raised.value)


def test_a_scenario_may_be_a_file_on_top_of_a_preset(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text('preset = "repeating"\nreceipts_copies = 5\nflap_up_s = 2\nflap_down_s = 1.5\n')
    scenario = scenario_of(str(path))
    wanted = {"receipts_copies": 5, "flap_up_s": 2.0, "flap_down_s": 1.5}
    assert asdict(scenario) == asdict(PRESETS["repeating"]) | wanted
    assert scenario_of("flapping") == PRESETS["flapping"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("copies = 3", "copies"),
        ("receipts_copies = ", "cannot be used"),
        ('preset = "stormy"', "no scenario is called 'stormy'"),
        (None, "cannot be read"),
    ],
)
def test_a_scenario_file_that_cannot_be_used_is_told(tmp_path: Path, text: str | None, complaint: str):
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        scenario_of(str(path))


async def test_the_secret_is_not_shown(simulate):
    _, adapters = await simulate(Scenario(receipts_to="http://127.0.0.1:9", receipts_secret=SECRET))
    answer = await adapters.client.get(f"{adapters.base_url}/scenario").build().send()
    shown = await answer.text()
    assert SECRET not in shown
    assert '"receipts_secret":"(set)"' in shown
