"""How often a caller may ask the API: decided before anything else, and told in the headers of every answer.

Headers: `X-RateLimit-*`, and `RateLimit` and `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers-10 has them;
all come from the decision that was enforced (X19). When nobody can decide, requests pass without them: a limiter that
is down must not take the API down with it, and what needs the database says so itself.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network, IPv6Network
from math import ceil

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from dispatch.application.limits import InboundPlan
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.limits import Decision, Limit
from dispatch.entrypoints.http.callers import caller, counted_as
from dispatch.entrypoints.http.envelope import request_id
from dispatch.entrypoints.http.problem import MEDIA_TYPE, Problem
from dispatch.entrypoints.http.problem_kinds import KINDS

DECIDED_WITHIN_S = 0.5
BLIND_S = 1.0
"""For so long nobody is asked after an answer that did not come."""
TOGETHER_MAX = 200

log = structlog.get_logger(__name__)

Headers = list[tuple[bytes, bytes]]
CheckMany = Callable[[Sequence[Limit]], list[Decision]]


class Turnstile:
    """Requests that wait at the same moment are decided on in one step."""

    def __init__(self, check_many: CheckMany) -> None:
        self._check_many = check_many
        self._waiting: list[tuple[Limit, asyncio.Future[Decision | None]]] = []
        self._deciding: asyncio.Task[None] | None = None
        self._blind_until = 0.0
        # A thread of its own: uploads that occupy the loop's threads must not make the limiter late, and so blind.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="limits")

    async def decide(self, limit: Limit) -> Decision | None:
        """The decision; None when nobody could decide in time."""
        if time.monotonic() < self._blind_until:
            return None
        future: asyncio.Future[Decision | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((limit, future))
        if self._deciding is None:
            self._deciding = asyncio.create_task(self._decide())
        await asyncio.wait({future}, timeout=DECIDED_WITHIN_S)
        if not future.done():
            self._be_blind("late")
            future.cancel()
            return None
        return future.result()

    async def _decide(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                asking = [each for each in self._waiting if not each[1].done()]  # Some have waited long enough.
                group, self._waiting = asking[:TOGETHER_MAX], asking[TOGETHER_MAX:]
                if not group:
                    break
                answers: Sequence[Decision | None]
                try:
                    answers = await loop.run_in_executor(self._thread, self._check_many, [limit for limit, _ in group])
                except LedgerUnavailable as accident:
                    self._be_blind(type(accident).__name__)
                    answers = [None] * len(group)
                except Exception as bug:
                    for _, future in group:
                        if not future.done():
                            future.set_exception(bug)
                    continue
                for (_, future), answer in zip(group, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
        finally:
            self._deciding = None

    def _be_blind(self, why: str) -> None:
        now = time.monotonic()
        if now >= self._blind_until:
            log.warning("http.limits_unknown", accident=why)
        self._blind_until = now + BLIND_S


class InboundLimit:
    """Stands before the routes: who has asked too often gets 429, and nothing of the request is read."""

    def __init__(
        self,
        app: ASGIApp,
        check_many: CheckMany,
        plan: InboundPlan,
        *,
        trusted: Sequence[IPv4Network | IPv6Network],
        with_loopback: bool,
    ) -> None:
        self._app, self._plan, self._trusted, self._with_loopback = app, plan, trusted, with_loopback
        self._turnstile = Turnstile(check_many)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._limit(scope)
        decision = await self._turnstile.decide(limit) if limit else None
        if limit is None or decision is None:
            await self._app(scope, receive, send)
            return
        headers = _headers(limit, self._plan.name, decision)
        if not decision.allowed:
            await self._refuse(scope, send, headers, decision)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _limit(self, scope: Scope) -> Limit | None:
        if self._plan.rate is None or scope["type"] != ScopeType.HTTP or not scope["path"].startswith("/v1/"):
            return None
        address = caller(scope, self._trusted)
        if address is None or (address.is_loopback and not self._with_loopback):
            return None  # Whoever is on the machine itself runs it.
        return self._plan.limit(counted_as(address))

    async def _refuse(self, scope: Scope, send: Send, headers: Headers, decision: Decision) -> None:
        kind, wait_s = KINDS["too_many_requests"], max(1, ceil(decision.retry_after_s))
        what = f"more requests than the plan {self._plan.name} has: {decision.limit} a minute"
        fix = f"wait {wait_s} s, as Retry-After says, or ask for fewer pages"
        body = Problem(
            type="/problems/too_many_requests",
            title=kind.title,
            status=kind.status,
            detail=f"{what[:1].upper()}{what[1:]}: {fix}.",
            code="too_many_requests",
            instance=request_id(scope),
            what=what,
            where="requests of this address",
            fix=fix,
        )
        content = msgspec.json.encode(body)
        headers += [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(content)),
            (b"retry-after", b"%d" % wait_s),
        ]
        await send({"type": "http.response.start", "status": kind.status, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})


def _headers(limit: Limit, plan: str, decision: Decision) -> Headers:
    reset_s = ceil(decision.reset_after_s)
    return [
        (b"x-ratelimit-limit", b"%d" % decision.limit),
        (b"x-ratelimit-remaining", b"%d" % decision.remaining),
        (b"x-ratelimit-reset", b"%d" % reset_s),
        (b"ratelimit-policy", f'"{plan}";q={limit.rate.per};w={limit.rate.seconds:g}'.encode()),
        (b"ratelimit", f'"{plan}";r={decision.remaining};t={reset_s}'.encode()),
    ]
