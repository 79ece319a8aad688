"""Signed receipts that the simulator sends by itself: late, repeated, shuffled, contradicted or lost, as asked."""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from time import monotonic
from typing import NamedTuple

import msgspec
from pyreqwest.client import Client
from pyreqwest.exceptions import RequestError

from dispatch.adapters.providers.http import build_client
from dispatch.adapters.providers.simulator.fates import Draw
from dispatch.adapters.providers.simulator.scenario import Scenario, secret_bytes
from dispatch.application.webhooks.signing import signed_headers

POSTS_AT_ONCE = 8
ATTEMPTS_MAX = 12
PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 5.0
IDLE_S = 3600.0


class Planned(NamedTuple):
    """A receipt that is to be sent so long after its message was taken."""

    delay_s: float
    status: str


class Due(NamedTuple):
    """A receipt and when it is due, by the monotonic clock; `number` breaks ties."""

    at_s: float
    number: int
    receipt: dict[str, str]


def planned(scenario: Scenario, message_id: str) -> list[Planned]:
    """What is sent of this message: the same whenever the seed and the message are."""
    draw = Draw(scenario.seed, "receipts", message_id)
    if not scenario.receipts_copies or draw.share(0) < scenario.receipts_lost:
        return []
    final = "failed" if failed(scenario, message_id) else "delivered"
    said = [final] * scenario.receipts_copies
    if draw.share(1) < scenario.receipts_contradicted:
        said += ["failed" if final == "delivered" else "delivered"] * scenario.receipts_copies
    return [
        Planned((scenario.receipts_delay_ms + scenario.receipts_jitter_ms * _share(scenario, message_id, n)) / 1000, s)
        for n, s in enumerate(said)
    ]


def failed(scenario: Scenario, message_id: str) -> bool:
    """Is this one of the messages that are not delivered? Asked or told, it is the same."""
    return Draw(scenario.seed, "receipt", message_id).share(0) < scenario.receipts_failed


def _share(scenario: Scenario, message_id: str, copy: int) -> float:
    return Draw(scenario.seed, "receipt copy", f"{message_id}/{copy}").share(0)


class Receipts:
    """Sends what is due, each until it is taken or has been refused often enough. One event loop's own."""

    def __init__(self, scenario: Callable[[], Scenario], up_in_s: Callable[[], float]) -> None:
        """`up_in_s` says for how long nothing can be sent."""
        self._scenario, self._up_in_s = scenario, up_in_s
        self._due: list[Due] = []
        self._numbers = count(1)
        self._more = asyncio.Event()
        self.counts: Counter[str] = Counter()

    def reset(self) -> None:
        """Forget what is due and every count."""
        self._due.clear()
        self.counts.clear()

    def take(self, message_id: str, idempotency_key: str) -> None:
        """A message was taken: plan its receipts."""
        scenario = self._scenario()
        if not scenario.receipts_to or not scenario.receipts_copies:
            return
        plan = planned(scenario, message_id)
        self.counts["lost"] += not plan
        named = {"idempotency_key": idempotency_key} if scenario.receipts_by_key else {"message_id": message_id}
        for one in plan:
            self.counts["planned"] += 1
            self._put(monotonic() + one.delay_s, named | {"status": one.status, "at": datetime.now(UTC).isoformat()})

    async def run(self) -> None:
        """Send until cancelled."""
        async with build_client(POSTS_AT_ONCE) as client, asyncio.TaskGroup() as posting:
            slots = asyncio.Semaphore(POSTS_AT_ONCE)
            while True:
                await self._wait()
                await slots.acquire()
                if batch := list(self._take_due()):
                    task = posting.create_task(self._post(client, batch))
                    task.add_done_callback(lambda _: slots.release())
                else:
                    slots.release()

    def _put(self, at_s: float, receipt: dict[str, str]) -> None:
        heapq.heappush(self._due, Due(at_s, next(self._numbers), receipt))
        self._more.set()

    async def _wait(self) -> None:
        """Until something is due and can be sent."""
        while (wait_s := self._wait_s()) > 0:
            self._more.clear()
            try:
                await asyncio.wait_for(self._more.wait(), wait_s)
            except TimeoutError:
                continue

    def _wait_s(self) -> float:
        if not self._due:
            return IDLE_S
        return max(self._due[0].at_s - monotonic(), self._up_in_s())

    def _take_due(self) -> Iterator[Due]:
        for _ in range(self._scenario().receipts_at_once):
            if self._due and self._due[0].at_s <= monotonic():
                yield heapq.heappop(self._due)

    async def _post(self, client: Client, batch: list[Due]) -> None:
        """The same receipts until somebody takes them, signed anew each time: a signature grows stale."""
        body = msgspec.json.encode([due.receipt for due in batch])
        pause_s = PAUSE_FIRST_S
        for _ in range(ATTEMPTS_MAX):
            if await self._is_taken(client, body, f"sim_{batch[0].number}"):
                self.counts["sent"] += len(batch)
                return
            self.counts["tried_again"] += 1
            await asyncio.sleep(pause_s)
            pause_s = min(PAUSE_MAX_S, 2 * pause_s)
        self.counts["given_up"] += len(batch)

    async def _is_taken(self, client: Client, body: bytes, message_id: str) -> bool:
        scenario = self._scenario()
        headers = signed_headers(message_id, datetime.now(UTC), body, [secret_bytes(scenario.receipts_secret)])
        request = client.post(scenario.receipts_to).headers({**headers, "Content-Type": "application/json"})
        try:
            response = await request.body_bytes(body).build().send()
        except RequestError:
            return False
        return 200 <= response.status < 300
