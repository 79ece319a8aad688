"""Webhooks to a real receiver, over the real ledger and queue: signed, retried on schedule, never lost."""

import asyncio
import base64
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from endpoint_world import HOOK, World, register
from standardwebhooks import Webhook, WebhookVerificationError

from dispatch.adapters.outbound.addresses import AddressGuard
from dispatch.adapters.webhooks.sender import PyreqwestSender
from dispatch.application.alarms import ENDPOINT_DISABLED
from dispatch.application.ports.webhooks import MessageStatus
from dispatch.application.webhooks.desk import EndpointChanges
from dispatch.domain import identity
from dispatch.domain.endpoint.decide import EndpointUrlInvalid
from dispatch.domain.endpoint.schedule import SCHEDULE_S
from dispatch.domain.endpoint.state import Endpoint, EndpointStatus
from examples import ANN, BATCH_ID, opened
from receiver import Receiver, receiver

pytestmark = pytest.mark.postgres


@pytest.mark.acceptance("X15", part="events reach the endpoints that ask for them")
async def test_a_message_is_signed_as_the_reference_library_checks_and_holds_no_person(world: World, hooks: Receiver):
    secret = register(world, hooks)
    assert register(world, hooks) == ""
    world.open_jobs(3)
    await world.delivered()
    assert len(hooks.received) == len(set(hooks.ids())) == 3
    for got in hooks.received:
        content = Webhook(secret).verify(got.body, got.headers)
        assert content["type"] == "job.opened"
        assert content["data"]["batch_id"] == BATCH_ID
        assert datetime.fromisoformat(content["timestamp"]) == opened.at
        assert "person" not in content["data"]
        assert "details" not in content["data"]
        for personal in msgspec.structs.astuple(ANN):
            assert not personal or str(personal).encode() not in got.body
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"x" * 32).decode()).verify(got.body, got.headers)
    await world.delivered()
    assert len(hooks.received) == 3


async def test_two_secrets_sign_during_a_rotation_and_one_after_it(world: World, hooks: Receiver):
    old = register(world, hooks)
    new = world.desk.rotate("crm", "ann", overlap_hours=1)
    assert new != old
    world.open_jobs()
    await world.delivered()
    got = hooks.received[-1]
    assert len(got.headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        Webhook(secret).verify(got.body, got.headers)
    world.ahead = timedelta(hours=1, seconds=1)
    world.open_jobs()
    await world.delivered()
    assert len(hooks.received[-1].headers["webhook-signature"].split()) == 1
    assert world.app.rotate_master_key()[1] >= 0
    assert world.desk._secret("crm") == new


async def test_only_what_the_filters_ask_for_is_sent(world: World, hooks: Receiver):
    other = identity.batch_id("0" * 64)
    register(world, hooks, batches=(other,))
    world.open_jobs(2)
    world.open_jobs(1, batch_id=other)
    await world.delivered()
    assert len(hooks.received) == 1
    world.desk.change("crm", EndpointChanges(types=("batch.*",)), "ann")
    world.open_jobs(1, batch_id=other)
    await world.delivered()
    assert len(hooks.received) == 1


async def test_a_flapping_receiver_gets_each_message_under_one_id_on_schedule(world: World, hooks: Receiver):
    register(world, hooks)
    answers = iter([500, 503, 404, 200])
    hooks.answer = lambda _: (next(answers), {}, b"no\nway")
    world.open_jobs()
    await world.delivered(chance=0.999)
    for planned in SCHEDULE_S[1:4]:
        world.ahead += timedelta(seconds=planned * 0.9)
        before = len(hooks.received)
        await world.delivered(chance=0.999)
        assert len(hooks.received) == before, "sooner than the schedule says"
        world.ahead += timedelta(seconds=planned * 0.2 + 1)
        await world.delivered(chance=0.999)
        assert len(hooks.received) == before + 1
    assert len(set(hooks.ids())) == 1
    assert len({got.headers["webhook-timestamp"] for got in hooks.received}) == 4
    log = world.desk.deliveries("crm")
    assert [(row.attempt, row.http_status, row.error) for row in log] == [
        (4, 200, ""),
        (3, 404, "http_404"),
        (2, 503, "http_503"),
        (1, 500, "http_500"),
    ]
    assert log[-1].excerpt == "no way"
    assert [row.message_status for row in log] == ["delivered", "due", "due", "due"]


async def test_the_receiver_may_ask_for_more_time(world: World, hooks: Receiver):
    register(world, hooks)
    hooks.answer = lambda _: (429, {"Retry-After": "600"}, b"")
    world.open_jobs()
    await world.delivered()
    world.ahead = timedelta(seconds=590)
    await world.delivered()
    assert len(hooks.received) == 1
    world.ahead = timedelta(seconds=601)
    await world.delivered()
    assert len(hooks.received) == 2


async def test_a_spent_schedule_disables_with_an_alarm_and_a_replay_brings_all_of_it(world: World, hooks: Receiver):
    register(world, hooks)
    hooks.answer = lambda _: (500, {}, b"")
    began = world.clock()
    world.open_jobs(2)
    for planned in SCHEDULE_S:
        world.ahead += timedelta(seconds=planned * 1.1 + 1)
        await world.delivered()
    assert len(hooks.received) == 2 * len(SCHEDULE_S)
    row = world.desk.show("crm")
    assert (row.status, row.disabled_reason) == (EndpointStatus.DISABLED, "schedule_spent")
    assert [alarm.code for alarm in world.app.alarms()] == [ENDPOINT_DISABLED]
    world.open_jobs()  # Missed while it is disabled.
    await world.delivered()
    hooks.answer = lambda _: (200, {}, b"")
    ids = set(hooks.ids())
    hooks.received.clear()
    world.desk.enable("crm", "ann")
    world.desk.replay("crm", began - timedelta(seconds=1), "ann")
    await world.delivered()
    assert len(hooks.received) == 3
    assert set(hooks.ids()) > ids
    assert world.app.alarms() == []


async def test_one_message_that_cannot_be_taken_does_not_disable_an_endpoint_that_takes_others(
    world: World, hooks: Receiver
):
    register(world, hooks)
    world.open_jobs()
    poison = ""
    hooks.answer = lambda got: (500 if got.headers["webhook-id"] == (poison or hooks.ids()[0]) else 200, {}, b"")
    for planned in SCHEDULE_S:
        world.ahead += timedelta(seconds=planned * 1.1 + 1)
        world.open_jobs()
        await world.delivered()
    assert world.desk.show("crm").status is EndpointStatus.ACTIVE
    assert MessageStatus.DEAD.value in {row.message_status for row in world.desk.deliveries("crm")}


async def test_gone_disables_at_once(world: World, hooks: Receiver):
    register(world, hooks)
    hooks.answer = lambda _: (410, {}, b"")
    world.open_jobs()
    await world.delivered()
    assert world.desk.show("crm").disabled_reason == "gone"
    world.ahead = timedelta(hours=1)
    world.open_jobs()
    await world.delivered()
    assert len(hooks.received) == 1


async def test_redirects_are_not_followed(world: World, hooks: Receiver):
    register(world, hooks)
    hooks.answer = lambda _: (307, {"Location": f"{hooks.url}/elsewhere"}, b"")
    world.open_jobs()
    await world.delivered()
    assert [got.path for got in hooks.received] == ["/crm"]
    assert world.desk.deliveries("crm")[0].error == "redirected"


async def test_a_name_that_changes_its_address_is_not_followed_inside(world: World, hooks: Receiver):
    """DNS rebinding: public when registered, private when sent to; and only the address that was vetted is used."""
    answers = [["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34", "10.0.0.1"]]
    guard = AddressGuard("", "SETTING", lambda *_: answers.pop(0))
    url = "https://rebind.example.net/"
    sender = PyreqwestSender(guard, timeout_s=0.5)
    sender.check(url)
    endpoint = Endpoint(endpoint_id=str(uuid4()), url=url)
    assert await sender.open(endpoint) == "address_not_allowed"
    assert await sender.open(endpoint) == "address_not_allowed"
    assert sender._clients == {}
    port = hooks.url.rpartition(":")[2]
    asked: list[str] = []

    def resolver(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    bound = PyreqwestSender(AddressGuard("hooks.example.com", "SETTING", resolver))
    endpoint = Endpoint(endpoint_id=str(uuid4()), url=f"http://hooks.example.com:{port}/x")
    assert await bound.open(endpoint) == ""
    answer = await bound.send(endpoint, "m", {"webhook-id": "m"}, b"{}")
    await bound.close()
    assert (answer.status, len(asked)) == (204, 1), "the name is looked up once, by the guard"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://user:secret@example.com/",
        "https://127.0.0.2/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://2130706434/",
        "https://0x7f.2/",
        "https://example.com\\@127.0.0.2/",
        "ftp://example.com/",
        "https://",
        "https://example.com:port/",
    ],
)
def test_what_may_not_be_sent_to_cannot_be_registered(world: World, url: str):
    with pytest.raises(EndpointUrlInvalid):
        world.desk.register(msgspec.structs.replace(HOOK, url=url), "ann")


async def test_a_crash_between_send_and_record_sends_again_under_the_same_id(
    world: World, hooks: Receiver, monkeypatch
):
    register(world, hooks)
    world.open_jobs()

    class Killed(BaseException):
        """As kill -9: nothing of ours runs after it."""

    def killed(_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(type(world.desk.queue), "record", lambda self, attempts: killed(attempts))
        with pytest.raises(Killed):
            await world.delivered()
    again = World(world.app)
    await again.delivered()
    assert len(hooks.received) == 2
    assert len(set(hooks.ids())) == 1


async def test_another_url_counts_while_messages_go_out_and_nothing_in_flight_is_lost(world: World, hooks: Receiver):
    with receiver() as elsewhere:
        sender = PyreqwestSender(AddressGuard("127.0.0.1", "SETTING"))
        old = Endpoint(endpoint_id=str(uuid4()), url=hooks.url)
        new = msgspec.structs.replace(old, url=elsewhere.url)
        arrived, go_on = threading.Event(), threading.Event()
        hooks.answer = lambda _: (arrived.set(), go_on.wait(30), (204, {}, b""))[-1]
        assert await sender.open(old) == ""
        in_flight = asyncio.create_task(sender.send(old, "m1", {"webhook-id": "m1"}, b"{}"))
        assert await asyncio.to_thread(arrived.wait, 30)
        assert await sender.open(new) == ""
        later = await sender.send(old, "m2", {"webhook-id": "m2"}, b"{}")  # Where was vetted last, whoever asks.
        go_on.set()
        assert (await in_flight).status == later.status == 204
        await sender.close()
        assert (hooks.ids(), elsewhere.ids()) == (["m1"], ["m2"])


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
async def test_whoever_is_silent_or_dawdles_is_given_up_in_time(said: bytes):
    """Before the head, within it, and within the body; one byte now and then does not help."""

    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        with suppress(ConnectionError):
            while said:
                await asyncio.sleep(0.1)
                writer.write(b" " if said.endswith(b"x") else b"X: y\r\n")
                await writer.drain()
            await reader.read()
        writer.close()

    async with await asyncio.start_server(dawdle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        sender = PyreqwestSender(AddressGuard("127.0.0.1", "SETTING"), timeout_s=0.5)
        endpoint = Endpoint(endpoint_id=str(uuid4()), url=f"http://127.0.0.1:{port}/")
        assert await sender.open(endpoint) == ""
        began = time.monotonic()
        answer = await sender.send(endpoint, "m", {"webhook-id": "m"}, b"{}")
        await sender.close()
    assert (answer.status, answer.error) == (0, "timeout")
    assert 0.4 < time.monotonic() - began < 20


async def test_a_test_message_is_sent_now_and_logged(world: World, hooks: Receiver):
    secret = register(world, hooks)
    attempt = await asyncio.to_thread(world.desk.test, "crm")
    assert attempt.answer.status == 204
    assert Webhook(secret).verify(hooks.received[0].body, hooks.received[0].headers)["type"] == "endpoint.test"
    hooks.answer = lambda _: (500, {}, b"broken")
    failed = await asyncio.to_thread(world.desk.test, "crm")
    assert (failed.answer.error, failed.answer.excerpt) == ("http_500", "broken")
    await world.delivered()
    assert [row.error for row in world.desk.deliveries("crm")] == ["http_500", ""]


async def test_an_endless_answer_is_read_to_its_cap(world: World, hooks: Receiver):
    register(world, hooks)
    hooks.answer = lambda _: (500, {}, b"x" * 10_000_000)
    world.open_jobs()
    began = time.monotonic()
    await world.delivered()
    assert time.monotonic() - began < 60
    assert world.desk.deliveries("crm")[0].excerpt == "x" * 500
    hooks.answer = lambda _: (200, {}, b"x" * 10_000_000)
    world.open_jobs()
    await world.delivered()
    assert world.desk.deliveries("crm")[0].message_status == "delivered"
