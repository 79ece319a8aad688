"""The HTTP application: routes, what every answer carries, and the errors, in one place."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from litestar import Litestar, MediaType, Router, get
from litestar.di import Provide
from litestar.params import FromPath

from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http import (
    approvals,
    batches,
    endpoints,
    escalations,
    failures,
    fleet,
    jobs,
    limits,
    notifications,
    pauses,
    profiles,
    providers,
    receipts,
    reconciliations,
    repairs,
    replays,
    sources,
    statistics,
    webhook,
)
from dispatch.entrypoints.http.asyncapi import show_asyncapi
from dispatch.entrypoints.http.dashboard import routes as dashboard
from dispatch.entrypoints.http.dashboard.live import LiveFeed
from dispatch.entrypoints.http.dashboard.operations import RecentOperations
from dispatch.entrypoints.http.envelope import Envelope
from dispatch.entrypoints.http.gathering import Gathering
from dispatch.entrypoints.http.guard import refuse_other_sites
from dispatch.entrypoints.http.health import Health, livez, readyz
from dispatch.entrypoints.http.inbound_limit import InboundLimit
from dispatch.entrypoints.http.metrics import Metrics, show_metrics
from dispatch.entrypoints.http.openapi import openapi_config
from dispatch.entrypoints.http.problem import Refused
from dispatch.entrypoints.http.problem_kinds import KINDS
from dispatch.entrypoints.http.problems import HANDLERS
from dispatch.entrypoints.limit_settings import read_plan, read_proxies
from dispatch.entrypoints.senders import read_senders


@get("/problems/{code:str}", include_in_schema=False, sync_to_thread=False, media_type=MediaType.JSON)
def explain_problem(code: FromPath[str]) -> dict[str, Any]:
    """What the `type` of a problem resolves to."""
    kind = KINDS.get(code)
    if kind is None:
        known = ", ".join(sorted(KINDS))
        raise Refused("not_found", "there is no such problem", where=f"code {code[:60]}", fix=f"known are {known}")
    return {"code": code, "title": kind.title, "status": kind.status}


ROUTES: list[Any] = [
    batches.routes,
    repairs.routes,
    approvals.routes,
    jobs.routes,
    escalations.routes,
    notifications.routes,
    failures.routes,
    replays.routes,
    sources.routes,
    endpoints.routes,
    webhook.routes,
    profiles.routes,
    providers.routes,
    receipts.routes,
    statistics.routes,
    reconciliations.routes,
    limits.routes,
    pauses.routes,
    fleet.routes,
    livez,
    readyz,
    show_metrics,
    explain_problem,
    show_asyncapi,
    Router(path="/", route_handlers=dashboard.HANDLERS, include_in_schema=False),
]

GIVEN = ("app", "metrics", "health", "feed", "operations", "senders", "gathering")
"""What handlers ask for by name."""


def create_http(
    app: App,
    *,
    nats_check: Callable[[], Awaitable[str]] | None = None,
    draining: asyncio.Event,
) -> Litestar:
    """The doors over HTTP.

    Args:
        app: the use cases.
        nats_check: says a word when NATS is well, or raises; without it /readyz does not ask.
        draining: set when the server shuts down: live streams end, /readyz turns red.
    """
    metrics = Metrics(app)
    feed = LiveFeed(app.queries, draining)
    operations = RecentOperations(app.statistics, app.settings.error_threshold_percent)
    senders = read_senders(app.settings.webhook_senders)
    gathering = Gathering(partial(app.notifications.open, by=notifications.ACTOR))
    values = (app, metrics, Health(app, nats_check, draining), feed, operations, senders, gathering)
    http = build(dict(zip(GIVEN, values, strict=True)))
    limited = InboundLimit(
        http.asgi_handler,
        app.limiter.check_many,
        read_plan(app.settings.inbound_plan),
        trusted=read_proxies(app.settings.trusted_proxies),
        with_loopback=app.settings.inbound_limit_loopback,
    )
    http.asgi_handler = Envelope(limited, metrics)
    return http


def build(given: Mapping[str, object]) -> Litestar:
    """The routes with what their handlers ask for by name."""
    return Litestar(
        route_handlers=ROUTES,
        dependencies={name: Provide(_giving(value), sync_to_thread=False) for name, value in given.items()},
        exception_handlers=HANDLERS,
        guards=[refuse_other_sites],
        openapi_config=openapi_config(),
        logging_config=None,  # Otherwise the framework sets up the root logger.
        request_max_body_size=100_000,
    )


def _giving(value: object) -> Callable[[], Any]:
    return lambda: value
