"""Is this process alive, and is it ready to take work?"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import structlog
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import SkipValidation

from dispatch.application.alarms import Alarm
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.application.ports.queries import ViewsUnavailable
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.envelope import request_id
from dispatch.entrypoints.http.problem import MEDIA_TYPE, RETRY_AFTER_S, Problem
from dispatch.entrypoints.http.problem_kinds import KINDS

PROBE_LIMIT_S = 2.0
"""Acceptance S.04."""

log = structlog.get_logger(__name__)


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "ok"


class Check(msgspec.Struct, frozen=True):
    """One dependency: is it well, in a word, and how long it took to say so."""

    ok: bool
    says: str
    ms: float


class Readiness(msgspec.Struct, frozen=True):
    """`ready` when every check is well, otherwise `not_ready`, or `shutting_down` while the server drains.

    `alarms` are for people: batches that do not move, approvals that nobody gives. The server is ready all the same.
    """

    status: str
    checks: dict[str, Check]
    alarms: list[Alarm] = []


class NotReady(Problem, frozen=True, kw_only=True):
    """A problem that says which dependency is not well."""

    checks: dict[str, Check]


class Probe:
    """One check under a time limit; while it hangs, nobody starts it a second time."""

    def __init__(self, check: Callable[[], Awaitable[str]], limit_s: float) -> None:
        self._check, self._limit_s = check, limit_s
        self._running: asyncio.Future[str] | None = None

    async def __call__(self) -> Check:
        """Never raises: what is wrong is in the answer, by the name of the error and without its text."""
        started = time.perf_counter()
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._check())
            self._running.add_done_callback(_seen)
        done, _ = await asyncio.wait({self._running}, timeout=self._limit_s)
        took_ms = round((time.perf_counter() - started) * 1000, 1)
        if not done:
            return Check(ok=False, says=f"no answer within {self._limit_s:g} s", ms=took_ms)
        if self._running.cancelled():
            return Check(ok=False, says="cancelled", ms=took_ms)
        error = self._running.exception()
        return Check(ok=error is None, says=type(error).__name__ if error else self._running.result(), ms=took_ms)


def _seen(future: asyncio.Future[str]) -> None:
    """Take note of the error, so that asyncio does not report it as forgotten."""
    if not future.cancelled():
        future.exception()


class Health:
    """The checks of the application, and NATS where the role has a connection."""

    def __init__(
        self,
        app: App,
        nats_check: Callable[[], Awaitable[str]] | None,
        draining: asyncio.Event,
        limit_s: float = PROBE_LIMIT_S,
    ) -> None:
        checks: dict[str, Callable[[], Awaitable[str]]] = {
            name: partial(asyncio.to_thread, check) for name, check in app.checks.items()
        }
        if nats_check is not None:
            checks["nats"] = nats_check
        self._probes = {name: Probe(check, limit_s) for name, check in checks.items()}
        self._app, self._limit_s, self._draining = app, limit_s, draining

    async def readiness(self) -> Readiness:
        """All checks at once."""
        answers = await asyncio.gather(*(probe() for probe in self._probes.values()))
        checks = dict(zip(self._probes, answers, strict=True))
        if self._draining.is_set():
            return Readiness("shutting_down", checks)
        if not all(check.ok for check in answers):
            return Readiness("not_ready", checks)
        return Readiness("ready", checks, await self._alarms())

    async def _alarms(self) -> list[Alarm]:
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._app.alarms), self._limit_s)
        except (TimeoutError, LedgerUnavailable, ViewsUnavailable) as accident:
            log.warning("http.alarms_unknown", accident=type(accident).__name__)
            return []


@get("/livez", operation_id="getLiveness", tags=["health"], sync_to_thread=False)
def livez() -> Alive:
    """The process answers; nothing else is looked at."""
    return Alive()


@get(
    "/readyz",
    operation_id="getReadiness",
    tags=["health"],
    responses={503: ResponseSpec(NotReady, media_type=MEDIA_TYPE, generate_examples=False, description="Not ready")},
)
async def readyz(
    request: Request[Any, Any, Any], health: NamedDependency[SkipValidation[Health]]
) -> Response[Readiness | NotReady]:
    """200 when Postgres, its migrations and NATS are well; otherwise, and while draining, a problem with the checks."""
    readiness = await health.readiness()
    if readiness.status == "ready":
        return Response(readiness)
    failing = {name: check.says for name, check in readiness.checks.items() if not check.ok}
    log.warning("http.not_ready", status=readiness.status, **failing)
    kind = KINDS[readiness.status]
    said = "; ".join(f"{name}: {says}" for name, says in failing.items())
    body = NotReady(
        type=f"/problems/{readiness.status}",
        title=kind.title,
        status=kind.status,
        detail=f"{kind.title}{f' ({said})' if said else ''}.",
        code=readiness.status,
        instance=request_id(request.scope),
        checks=readiness.checks,
    )
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return Response(body, status_code=kind.status, media_type=MEDIA_TYPE, headers=headers)
