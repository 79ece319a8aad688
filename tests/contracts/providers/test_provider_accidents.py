"""Whatever a server may answer becomes one of the port's two errors, with a code that never changes."""

import asyncio
import logging
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from calls import METHODS, Adapters, http
from pyreqwest.logging import flush_logs

from dispatch.adapters.providers.email_verifier import HttpEmailVerifier
from dispatch.adapters.providers.http import TIMEOUT_S, build_client, retry_after_s
from dispatch.adapters.providers.notifier import HttpNotifier
from dispatch.application.ports.providers import ProviderRefused, ProviderUnavailable, Verdict

SECRET = "k3y_th4t_nobody_may_see"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
GARBAGE = {
    "empty": b"",
    "html": b"<html>It works!</html>",
    "wrong shape": b'{"unexpected": true}',
    "wrong type": b'{"email": 1, "phone": 2, "result": 3, "id": 4, "status": 5}',
    "cut off": b'{"email": "a@ex',
    "not UTF-8": b'{"email": "\xff", "phone": "", "result": "\xff", "id": "\xff", "status": "\xff"}',
    "endless brackets": b'{"x":' + b"[" * 200_000,
    "a list": b"[]",
}


@pytest.mark.acceptance("S.03")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("status", "code"),
    [(408, "timeout"), (425, "server_error"), (429, "rate_limited"), (500, "server_error"), (503, "server_error")],
)
async def test_what_may_pass_is_unavailable(scripted, method: str, status: int, code: str):
    adapters = await scripted(http(status, b"busy", "Retry-After: 7"))
    with pytest.raises(ProviderUnavailable) as raised:
        await adapters.call(method, "job-1")
    assert (raised.value.code, raised.value.retry_after_s) == (code, 7.0)
    assert raised.value.no_effect is (status != 500), "only what surely did nothing may be done by another"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, '{"code": "no_such_contact"}', "no_such_contact"),
        (404, "", "http_404"),
        (400, '{"code": "Not A Code!"}', "http_400"),
        (400, '{"code": "' + "x" * 65 + '"}', "http_400"),
        (400, '{"code": 7}', "http_400"),
        (401, "no", "bad_credentials"),
        (403, "no", "http_403"),
        (302, "", "http_302"),
    ],
)
async def test_what_will_not_pass_is_refused(scripted, method: str, status: int, body: str, code: str):
    adapters = await scripted(http(status, body, "Location: http://127.0.0.1:1/elsewhere"))
    with pytest.raises(ProviderRefused) as raised:
        await adapters.call(method, "job-1")
    assert raised.value.code == code


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_is_unavailable(scripted, method: str, body: bytes):
    adapters = await scripted(http(200, body))
    with pytest.raises(ProviderUnavailable, match=r"^garbage$"):
        await adapters.call(method, "job-1")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"", "connection_lost"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "garbage"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "garbage"),
        (http(200, b"abc", "Content-Encoding: gzip"), "garbage"),
    ],
    ids=["closed", "another protocol", "cut off", "no gzip"],
)
async def test_a_broken_connection_is_unavailable(scripted, method: str, reply: bytes, code: str):
    adapters = await scripted(reply)
    with pytest.raises(ProviderUnavailable) as raised:
        await adapters.call(method, "job-1")
    assert raised.value.code == code


@pytest.mark.parametrize("method", METHODS)
async def test_a_refused_connection_is_unavailable(nobody, method: str):
    with pytest.raises(ProviderUnavailable, match=r"^connection_refused$") as raised:
        await nobody().call(method, "job-1")
    assert raised.value.no_effect


@pytest.mark.acceptance("S.03")
@pytest.mark.parametrize("method", METHODS)
async def test_a_late_answer_is_unavailable(scripted, method: str):
    assert TIMEOUT_S == 10.0
    adapters = await scripted(None, timeout_s=0.05)
    with pytest.raises(ProviderUnavailable, match=r"^timeout$") as raised:
        await adapters.call(method, "job-1")
    assert not raised.value.no_effect


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", ["Invalid API key", "apikey not found", "bad_credentials"])
async def test_a_bad_key_inside_a_200_is_refused(scripted, method: str, error: str):
    adapters = await scripted(http(200, f'{{"result": "error", "error": "{error}"}}'))
    with pytest.raises(ProviderRefused, match=r"^bad_credentials$"):
        await adapters.call(method, "job-1")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", ['{"result": "error", "error": "Internal error"}', '{"result": "error"}'])
async def test_any_other_error_inside_a_200_is_unavailable(scripted, method: str, body: str):
    adapters = await scripted(http(200, body))
    with pytest.raises(ProviderUnavailable, match=r"^server_error$"):
        await adapters.call(method, "job-1")


@pytest.mark.acceptance("S.11")
@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ("ok", Verdict.VALID),
        ("catch_all", Verdict.RISKY),
        ("disposable", Verdict.RISKY),
        ("invalid", Verdict.INVALID),
        ("unknown", Verdict.UNKNOWN),
    ],
)
async def test_results_become_verdicts(scripted, result: str, verdict: Verdict):
    adapters = await scripted(http(200, f'{{"email": "a@example.com", "result": "{result}", "credits": 9}}'))
    assert await adapters.verifier.verdict("a@example.com") is verdict


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        (format_datetime(NOON + timedelta(seconds=90), usegmt=True), 90.0),
        ("Mon, 23 Nov 2026 13:00:30 +0100", 30.0),
        (format_datetime(NOON - timedelta(hours=1), usegmt=True), 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 30, None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None):
    assert retry_after_s(value, NOON) == seconds


async def test_retry_after_as_a_date_arrives_over_http(scripted):
    at = datetime.now(UTC) + timedelta(hours=1)
    adapters = await scripted(http(503, b"", f"Retry-After: {format_datetime(at, usegmt=True)}"))
    with pytest.raises(ProviderUnavailable) as raised:
        await adapters.call("find", "job-1")
    assert raised.value.retry_after_s == pytest.approx(3600, abs=130)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        None,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        http(200, f'{{"result": "error", "error": "Invalid API key {SECRET}"}}'),
        http(200, f'{{"result": "error", "error": "{SECRET}"}}'),
        http(200, f'{{"result": "{SECRET}"}}'),
        http(400, f'{{"code": "{SECRET}"}}'),
        http(400, f'{{"code": "bad_{SECRET}"}}'),
        http(302, "", f"Location: http://127.0.0.1:1/?api={SECRET}"),
        http(500, SECRET),
        "refused",
    ],
)
async def test_the_key_in_the_query_is_in_no_error_and_no_log(scripted, nobody, caplog, reply: bytes | str | None):
    with caplog.at_level(logging.NOTSET):
        adapters = nobody(SECRET) if reply == "refused" else await scripted(reply, SECRET, timeout_s=0.2)
        with pytest.raises((ProviderUnavailable, ProviderRefused)) as raised:
            await adapters.verifier.verdict("a@example.com")
        flush_logs()
    error = raised.value
    told = [repr(error), str(vars(error)), *traceback.format_exception(error), caplog.text, repr(adapters.verifier)]
    assert SECRET not in "\n".join(told)
    # The client's own error quotes the URL: a tool that follows contexts must not find it either.
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize("adapter", [HttpEmailVerifier, HttpNotifier])
async def test_bad_settings_are_told_at_once_and_without_the_key(adapter):
    async with build_client() as client:
        with pytest.raises(ValueError, match="printable ASCII") as raised:
            adapter(client, "http://127.0.0.1:1", f"{SECRET}\n")
        assert SECRET not in str(raised.value)
        with pytest.raises(ValueError, match="base_url must be absolute"):
            adapter(client, "api.example.com")


async def test_proxies_of_the_environment_are_not_used(scripted, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    adapters = await scripted(http(200, '{"result": "ok"}'))
    assert await adapters.verifier.verdict("a@example.com") is Verdict.VALID


async def test_calls_share_a_pool_of_bounded_size():
    waiting: list[asyncio.StreamWriter] = []
    three_wait, connections = asyncio.Event(), 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.read(4096):
            waiting.append(writer)
            if len(waiting) == 3:
                three_wait.set()
                for held in waiting:
                    held.write(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"result":"ok"}')
                waiting.clear()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, build_client(connections_max=3) as client:
        adapters = Adapters(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", client)
        verdicts = await asyncio.gather(*(adapters.call("verdict", f"job-{number}") for number in range(30)))
        assert verdicts == [Verdict.VALID] * 30
        assert three_wait.is_set()
        assert connections == 3
