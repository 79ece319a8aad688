"""The simulator: repeatable by content, changed at run time, honest in its counts, and a process of its own."""

import asyncio
import gc
import json
import signal
import subprocess
import sys
import tracemalloc

import pytest
from calls import METHODS, Adapters, message, running

from dispatch.adapters.providers.http import build_client
from dispatch.adapters.providers.simulator import CALM, PRESETS, Scenario, Simulator, changed, preset, serve
from dispatch.application.ports.providers import ProviderRefused, ProviderUnavailable, Verdict


async def history(adapters: Adapters) -> list[object]:
    """What 60 keys meet on each method, three times."""
    met: list[object] = []
    for key in [f"job-{number}" for number in range(60)]:
        for method in METHODS:
            for _ in range(3):
                try:
                    met.append(await adapters.call(method, key))
                except (ProviderRefused, ProviderUnavailable) as error:
                    met.append(error.code)
    return met


async def test_the_same_seed_gives_the_same_history_and_another_seed_another(simulate):
    weather = {"unavailable": 0.2, "dropped": 0.1, "garbage": 0.1, "lost_reply": 0.1, "no_such_contact": 0.1}
    first, again, other = [await simulate(Scenario(seed=seed, **weather)) for seed in (7, 7, 8)]
    histories = [await history(adapters) for _, adapters in (first, again, other)]
    assert histories[0] == histories[1] != histories[2]
    assert first[0].stats() == again[0].stats() != other[0].stats()


async def test_a_key_fails_at_first_and_then_no_more(simulate):
    _, adapters = await simulate(Scenario(unavailable=1, failures_max=2))
    failures = {}
    for key in [f"job-{number}" for number in range(40)]:
        failures[key] = 0
        for _ in range(5):
            try:
                await adapters.call("find", key)
            except ProviderUnavailable:
                failures[key] += 1
    assert set(failures.values()) == {1, 2}
    _, dead = await simulate(Scenario(unavailable=1, failures_max=1_000_000))
    for _ in range(10):
        with pytest.raises(ProviderUnavailable):
            await dead.call("find", "job-1")


async def test_rates_are_met(simulate):
    world, adapters = await simulate(PRESETS["demo"])
    for method in ("find", "verdict", "send"):
        calls = (adapters.call(method, f"job-{number}") for number in range(2000))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        unavailable = sum(isinstance(answer, ProviderUnavailable) for answer in answers)
        assert 10 <= unavailable <= 45, "about 1.2 % of 2,000"
    errors = world.stats().errors
    assert 15 <= errors["no_such_contact"] <= 50
    assert 15 <= errors["invalid_email"] <= 50
    assert 2 <= errors["no_such_mailbox"] <= 22


async def test_429_carries_retry_after_in_both_forms(simulate):
    _, adapters = await simulate(Scenario(rate_limited=1, retry_after_s=30))
    waits = set()
    for number in range(20):
        with pytest.raises(ProviderUnavailable) as raised:
            await adapters.call("find", f"job-{number}")
        assert raised.value.code == "rate_limited"
        assert 25 <= raised.value.retry_after_s <= 30
        waits.add(raised.value.retry_after_s == 30)
    assert waits == {True, False}, "seconds are exact, a date has lost some"


async def control(adapters: Adapters, method: str, path: str, body: object = None) -> tuple[int, dict]:
    request = adapters.client.request(method, f"{adapters.base_url}{path}")
    response = await (request.body_bytes(json.dumps(body).encode()) if body is not None else request).build().send()
    return response.status, await response.json()


async def test_the_scenario_changes_at_run_time_and_counts_are_told(simulate):
    _, adapters = await simulate(CALM)
    await adapters.call("send", "job-1")
    await adapters.call("send", "job-1")
    status, scenario = await control(adapters, "POST", "/scenario", {"preset": "garbage", "garbage": 1, "seed": 9})
    assert (status, scenario["garbage"], scenario["seed"]) == (200, 1, 9)
    assert await control(adapters, "GET", "/scenario") == (200, scenario)
    with pytest.raises(ProviderUnavailable, match="garbage"):
        await adapters.call("find", "job-1")
    counts = {"requests": 3, "effects": 1, "duplicates": 1, "keys_seen": 1, "errors": {"garbage": 1}, "receipts": {}}
    assert await control(adapters, "GET", "/stats") == (200, counts)
    nothing = {"requests": 0, "effects": 0, "duplicates": 0, "keys_seen": 0, "errors": {}, "receipts": {}}
    assert await control(adapters, "POST", "/reset") == (200, nothing)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"garbage": 2}, "garbage is a rate from 0 to 1, not 2.0"),
        ({"garbage": 0.6, "dropped": 0.6}, "together at most 1"),
        ({"garbidge": 0.1}, "garbidge"),
        ({"preset": "stormy"}, "no scenario is called 'stormy': choose from calm, demo"),
        ({"failures_max": 0}, "failures_max is at least 1"),
        ({"latency_ms": -1}, "latency_ms cannot be negative"),
        ([], "Expected `object`"),
    ],
)
async def test_a_bad_scenario_is_told_and_changes_nothing(simulate, body: object, complaint: str):
    world, adapters = await simulate(CALM)
    status, answer = await control(adapters, "POST", "/scenario", body)
    assert (status, answer["code"]) == (400, "bad_scenario")
    assert complaint in answer["message"]
    assert world.scenario == CALM


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "code"),
    [
        ("/messages", {}, b"{}", 400, "idempotency_key_missing"),
        ("/messages", {"Idempotency-Key": "k"}, b"{}", 422, "bad_message"),
        ("/messages", {"Idempotency-Key": "k"}, b"\xff", 422, "bad_message"),
        ("/nowhere", {}, b"", 404, "no_such_endpoint"),
    ],
)
async def test_bad_requests_are_refused(simulate, path: str, headers: dict, body: bytes, status: int, code: str):
    world, adapters = await simulate(CALM)
    request = adapters.client.post(f"{adapters.base_url}{path}").headers(headers).body_bytes(body).build()
    response = await request.send()
    assert (response.status, await response.json()) == (status, {"code": code})
    assert world.stats().effects == 0


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00", b"GET /stats\r\nno http\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n"]
)
async def test_noise_ends_the_connection_and_nothing_else(simulate, noise: bytes):
    _, adapters = await simulate(CALM)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(adapters.base_url.rpartition(":")[2]))
    writer.write(noise)
    try:
        assert await reader.read() == b""
    except ConnectionResetError:
        pass
    finally:
        writer.close()
    assert await adapters.call("verdict", "job-1") is Verdict.VALID


async def test_an_early_caller_waits_in_the_queue_until_the_simulator_serves():
    simulator = Simulator(CALM)
    async with build_client() as client:
        early = asyncio.ensure_future(Adapters(simulator.base_url, client).call("verdict", "job-1"))
        async with running(simulator):
            assert await early is Verdict.VALID


async def test_stopping_breaks_what_waits_and_frees_the_port(unused_tcp_port: int):
    stop = asyncio.Event()
    async with build_client() as client, asyncio.TaskGroup() as tasks:
        adapters = Adapters(f"http://127.0.0.1:{unused_tcp_port}", client)
        tasks.create_task(serve("127.0.0.1", unused_tcp_port, Scenario(slow=1, slow_ms=60_000), stop))
        await asyncio.sleep(0)  # Lets the task take the port.
        waiting = asyncio.ensure_future(adapters.call("send", "job-1"))
        while (await control(adapters, "GET", "/stats"))[1]["effects"] == 0:
            pass
        stop.set()
        with pytest.raises(ProviderUnavailable, match="connection_lost"):
            await waiting
    Simulator(CALM, port=unused_tcp_port).close()


async def test_calm_calls_leave_no_memory_behind(simulate):
    _, adapters = await simulate(CALM)

    async def many(first: int, count: int) -> None:
        for start in range(first, first + count, 100):
            await asyncio.gather(*(adapters.call("find", f"job-{number}") for number in range(start, start + 100)))

    tracemalloc.start()
    try:
        await many(0, 500)
        gc.collect()
        before_bytes, _ = tracemalloc.get_traced_memory()
        await many(500, 2000)
        gc.collect()
        after_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after_bytes - before_bytes < 2000 * 40, "less than the smallest object kept per call would take"


def test_presets_are_found_by_name_and_changed_by_text():
    assert preset("demo").latency_ms == 15
    assert changed(preset("demo"), {"latency_ms": "0.5", "seed": "3"}).latency_ms == 0.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_runs_as_a_process_and_ends_cleanly(number: signal.Signals):
    command = [sys.executable, "-m", "dispatch.adapters.providers.simulator", "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        *command, "--scenario", "demo", "--set", "latency_ms=0", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    line = (await process.stdout.readline()).decode()
    base_url = line.removeprefix("listening on ").strip()
    async with build_client() as client:
        adapters = Adapters(base_url, client)
        assert (await control(adapters, "GET", "/scenario"))[1]["latency_ms"] == 0
        await adapters.notifier.send(message("job-1"))
        process.send_signal(number)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--set", "garbage=9"], "garbage is a rate from 0 to 1"),
        (["--set", "garbage"], "--set wants FIELD=VALUE"),
        (["--scenario", "stormy"], "no scenario is called 'stormy': choose from calm, demo"),
        (["--port", "70000"], "port must be 0-65535"),
    ],
)
def test_bad_arguments_are_told(arguments: list[str], complaint: str):
    command = [sys.executable, "-m", "dispatch.adapters.providers.simulator", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == 2
    assert complaint in ended.stderr


FORK = """
import asyncio, os, signal
from dispatch.adapters.providers.http import build_client
from dispatch.adapters.providers.email_verifier import HttpEmailVerifier
from dispatch.adapters.providers.simulator import CALM, Simulator

simulator = Simulator(CALM)
child = os.fork()
if child == 0:
    simulator.run()
    os._exit(0)
simulator.close()

async def ask():
    async with build_client() as client:
        return await HttpEmailVerifier(client, simulator.base_url).verdict("a@example.com")

print(asyncio.run(ask()))
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_supervisor_forks_it_and_knows_its_address():
    ended = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=False, timeout=30)
    assert (ended.stdout.split(), ended.stderr) == (["valid", "0"], "")
