"""Atomic batches: all or none, one answer, and what fences them."""

from datetime import timedelta

import pytest

from dispatch.adapters.nats.batches import BYTES_MAX, MESSAGES_MAX, Batches, Message, in_batches
from dispatch.adapters.nats.fence import EXPECTED_LAST, EXPECTED_SEQUENCE, Fence, StreamReplaced
from dispatch.adapters.nats.following import NatsError
from dispatch.adapters.nats.streams import EVENT_STREAM, STREAM_FULL, ServerTooOld, ensure_event_stream

pytestmark = pytest.mark.nats
SUBJECT = "dispatch.v1.job.job-opened.1"


@pytest.fixture
async def batches(client, js):
    await make(js)
    batches = Batches(client, within_s=5)
    yield batches
    await batches.close()


async def make(js) -> None:
    await ensure_event_stream(js, max_age_s=timedelta(days=1).total_seconds(), max_bytes=1 << 28)


def messages(count: int, data: bytes = b"{}", subject: str = SUBJECT) -> list[Message]:
    return [Message(subject, {"number": str(number)}, data) for number in range(count)]


async def stored(js) -> list[int]:
    state = (await js.stream_info(EVENT_STREAM)).state
    found = [await js.get_msg(EVENT_STREAM, number) for number in range(1, state.last_seq + 1)]
    return [int(message.headers["number"]) for message in found]


@pytest.mark.parametrize("count", [1, 2, MESSAGES_MAX])
async def test_all_of_them_are_stored_in_order(js, batches, count):
    await batches.publish(messages(count))
    assert await stored(js) == list(range(count))


async def test_what_the_server_refuses_leaves_nothing(js, batches):
    refused = messages(3)
    refused[0].headers[EXPECTED_SEQUENCE] = "7"
    with pytest.raises(NatsError, match="wrong last sequence"):
        await batches.publish(refused)
    with pytest.raises(NatsError, match="too large"):
        await batches.publish(messages(MESSAGES_MAX + 1))
    assert await stored(js) == []
    await batches.publish(messages(2))
    assert await stored(js) == [0, 1]


@pytest.mark.parametrize("count", [1, 3])
async def test_a_stream_that_is_not_there_is_said_at_once(batches, count):
    with pytest.raises(NatsError, match="no response from stream"):
        await batches.publish(messages(count, subject="elsewhere"))


async def test_a_full_stream_takes_nothing_of_a_batch(js, batches):
    config = (await js.stream_info(EVENT_STREAM)).config
    await js.update_stream(config.evolve(max_bytes=2_000, discard="new"))
    with pytest.raises(NatsError) as refusal:
        await batches.publish(messages(3, b"x" * 1_000))
    assert refusal.value.err_code == STREAM_FULL
    assert await stored(js) == []


async def test_one_that_goes_alone_is_fenced_by_the_id_of_the_last_as_well(js, batches):
    fence = Fence(js, EVENT_STREAM, batches)
    await fence.take_up()
    await fence.publish(messages(2))
    await fence.publish(messages(1))
    last = await js.get_msg(EVENT_STREAM, 3)
    assert last.headers[EXPECTED_LAST] == (await js.get_msg(EVENT_STREAM, 2)).headers["Nats-Msg-Id"]
    assert (await js.get_msg(EVENT_STREAM, 1)).headers[EXPECTED_SEQUENCE] == "0"
    assert fence.last_sequence == 3


async def test_after_a_refusal_the_same_messages_may_be_written(js, batches):
    fence, other = Fence(js, EVENT_STREAM, batches), Fence(js, EVENT_STREAM, batches)
    await fence.take_up()
    await other.take_up()
    await other.publish(messages(2))
    late = messages(2)
    with pytest.raises(NatsError, match="wrong last"):
        await fence.publish(late)
    await fence.take_up()
    await fence.publish(late)
    assert await stored(js) == [0, 1, 0, 1]


async def test_another_stream_of_the_same_length_is_noticed(js, batches):
    fence = Fence(js, EVENT_STREAM, batches)
    await fence.take_up()
    await fence.publish(messages(2))
    await js.delete_stream(EVENT_STREAM)
    await make(js)
    await batches.publish(messages(2))
    with pytest.raises(NatsError, match="wrong last msg ID"):
        await fence.publish(messages(1))
    await fence.publish(messages(2))  # A batch cannot tell; the next look does.
    with pytest.raises(StreamReplaced):
        await fence.check()


async def test_a_server_that_knows_no_batches_is_refused(js):
    """An older one leaves out of its answer what it does not know."""

    class Older:
        async def add_stream(self, config):
            return await js.add_stream(config.evolve(allow_atomic=None))

    with pytest.raises(ServerTooOld, match=r"2\.12 or a later one is needed"):
        await make(Older())


def test_batches_are_as_large_as_the_server_takes():
    assert in_batches([]) == []
    assert [len(batch) for batch in in_batches(messages(2 * MESSAGES_MAX + 1))] == [MESSAGES_MAX, MESSAGES_MAX, 1]
    large = messages(5, b"x" * (BYTES_MAX // 2))
    assert [len(batch) for batch in in_batches(large)] == [2, 2, 1]
    assert [m for batch in in_batches(large) for m in batch] == large
    assert [len(batch) for batch in in_batches(messages(2, b"x" * (BYTES_MAX + 1)))] == [1, 1]
