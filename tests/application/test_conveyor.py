"""The conveyor of an endpoint's messages, over a queue in memory: each once, none left, no waiting for a slow one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from dispatch.application.ports.webhooks import Answer, Attempt, Message, MessageStatus
from dispatch.application.webhooks import conveyor
from dispatch.application.webhooks.conveyor import Conveyor, Post
from dispatch.domain.endpoint.state import Endpoint, EndpointStatus

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ACTIVE = Endpoint(endpoint_id="e", name="crm", status=EndpointStatus.ACTIVE)


class Queue:
    """Due messages by position, and what was recorded of them."""

    def __init__(self, count: int) -> None:
        self.waiting = {position: message(position) for position in range(1, count + 1)}
        self.recorded: list[Attempt] = []
        self.groups = 0

    def due(self, behind: tuple[datetime, int] | None, limit: int) -> list[Message]:
        place = behind or (datetime.min.replace(tzinfo=UTC), 0)
        found = sorted(self.waiting.values(), key=lambda one: (one.due_at, one.position))
        return [one for one in found if (one.due_at, one.position) > place][:limit]

    def record(self, attempts: list[Attempt]) -> bool:
        self.recorded += attempts
        self.groups += 1
        for attempt in attempts:
            self.waiting.pop(attempt.message.position, None)
        return False

    def positions(self) -> list[int]:
        return sorted(attempt.message.position for attempt in self.recorded)


def message(position: int, due_at: datetime = NOON) -> Message:
    return Message(endpoint_id="e", position=position, message_id=f"m{position}", body=b"", due_at=due_at)


def answered(one: Message, status: int = 204) -> Attempt:
    answer = Answer(status=status, error="" if status < 300 else f"http_{status}")
    return Attempt(message=one, at=NOON, answer=answer, status=MessageStatus.DELIVERED, due_at=NOON)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - the queue has no event to wait for
            await asyncio.sleep(0.01)


def moving(
    queue: Queue,
    post: Callable[[Message], Awaitable[Attempt]],
    look: Callable[[], Endpoint] = lambda: ACTIVE,
    record: Callable[[list[Attempt]], bool] | None = None,
) -> Conveyor:
    async def vet(_: Endpoint) -> Post:
        return post

    return Conveyor(look, queue.due, vet, record or queue.record)


async def test_many_pages_go_out_once_each_with_no_more_in_flight_than_may_be():
    queue, flying, most = Queue(5_500), 0, 0

    async def post(one: Message) -> Attempt:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.001)
        flying -= 1
        return answered(one)

    assert await moving(queue, post).run() == 5_500
    assert queue.positions() == list(range(1, 5_501))
    assert most == conveyor.IN_FLIGHT_MAX
    assert queue.groups < 1_000, "recorded in groups"


async def test_one_slow_answer_holds_up_no_other_message():
    queue, released = Queue(1_200), asyncio.Event()

    async def post(one: Message) -> Attempt:
        if one.position == 1:
            await released.wait()
        return answered(one)

    running = asyncio.create_task(moving(queue, post).run())
    await until(lambda: len(queue.recorded) == 1_199)
    queue.waiting[1_201] = message(1_201)  # Comes while the slow one is still in flight.
    await until(lambda: 1_201 in queue.positions())
    released.set()
    assert await running == 1_201
    assert queue.positions() == list(range(1, 1_202))


async def test_a_message_that_comes_behind_the_place_that_was_read_to_is_found(monkeypatch: pytest.MonkeyPatch):
    """Its time lies before that of others that were read already, in a queue that never runs empty."""
    monkeypatch.setattr(conveyor, "AFRESH_EVERY_S", 0.05)
    queue, last = Queue(2_000), 2_000

    async def post(one: Message) -> Attempt:
        nonlocal last
        await asyncio.sleep(0.001)
        if 0 not in queue.positions() and last < 200_000:  # As much comes as goes.
            last += 1
            queue.waiting[last] = message(last)
        if one.position == 1_500:
            queue.waiting[0] = message(0, NOON - timedelta(seconds=1))
        return answered(one)

    await moving(queue, post).run()
    assert queue.positions() == list(range(last + 1))


async def test_nothing_more_is_sent_to_an_endpoint_that_is_disabled_meanwhile():
    queue, status = Queue(3_000), EndpointStatus.ACTIVE

    async def post(one: Message) -> Attempt:
        nonlocal status
        await asyncio.sleep(0)
        if one.position == 10:
            status = EndpointStatus.DISABLED
        return answered(one)

    look = lambda: Endpoint(endpoint_id="e", status=status)  # noqa: E731
    assert await moving(queue, post, look).run() <= 10 + conveyor.IN_FLIGHT_MAX
    assert len(queue.waiting) + len(queue.recorded) == 3_000


async def test_gone_stops_at_once_and_what_was_in_flight_is_recorded():
    queue = Queue(3_000)

    async def post(one: Message) -> Attempt:
        await asyncio.sleep(0)
        return answered(one, 410)

    assert 1 <= await moving(queue, post).run() <= conveyor.IN_FLIGHT_MAX


@pytest.mark.parametrize("where", ["post", "record", "due", "vet"])
async def test_an_accident_anywhere_ends_it_and_says_so(where: str):
    queue = Queue(3_000)

    def broken(*_: object) -> bool:
        raise RuntimeError(where)

    async def post(one: Message) -> Attempt:
        await asyncio.sleep(0)
        if where == "post" and one.position == 50:
            broken()
        return answered(one)

    async def vet(_: Endpoint) -> Post:
        return post if where != "vet" else broken()  # type: ignore[return-value]

    due = queue.due if where != "due" else broken
    record = broken if where == "record" else queue.record
    with pytest.raises(RuntimeError, match=where):
        await Conveyor(lambda: ACTIVE, due, vet, record).run()  # type: ignore[arg-type]
    if where == "post":
        assert queue.recorded, "what was answered before is recorded"
