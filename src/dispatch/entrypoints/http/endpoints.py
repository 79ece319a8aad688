"""Endpoints over HTTP: who elsewhere is told what happens, by signed webhooks (Standard Webhooks 1.0)."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from dispatch.application.ports.webhooks import AttemptRow, EndpointRow
from dispatch.application.webhooks.desk import EndpointChanges, NewEndpoint, Overlap
from dispatch.entrypoints.http.batches import TheApp
from dispatch.entrypoints.http.paging import Cursor, Limit, Page, decode_cursor, paged
from dispatch.entrypoints.http.problem import documented
from dispatch.entrypoints.http.sources import ACTOR, Reason

Zoned = Annotated[datetime, msgspec.Meta(tz=True)]


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint, and its secret: shown now and never again; empty where it was registered before."""

    endpoint: EndpointRow
    secret: str = ""


class Since(msgspec.Struct, frozen=True, kw_only=True):
    """From when on."""

    since: Zoned


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test message. `http_status` is 0 where there was no answer."""

    message_id: str
    http_status: int
    error: str
    excerpt: str
    took_ms: float


@post(
    "/endpoints",
    operation_id="addEndpoint",
    status_code=201,
    sync_to_thread=True,
    responses=documented(403, 409, 422),
)
def add_endpoint(app: TheApp, data: JSONBody[NewEndpoint]) -> Response[Registered]:
    """Tell it from now on. 201 with its secret when it is new, 200 when it was registered before just so."""
    secret = app.endpoints.register(data, ACTOR)
    body = Registered(endpoint=app.endpoints.show(data.name), secret=secret)
    headers = {"Location": f"/v1/endpoints/{data.name}"}
    return Response(body, status_code=201 if secret else 200, headers=headers)


@get("/endpoints", operation_id="listEndpoints", sync_to_thread=True, responses=documented())
def list_endpoints(app: TheApp) -> Page[EndpointRow]:
    """Every endpoint that is not removed, by name."""
    return Page(app.endpoints.list_all())


@get("/endpoints/{name:str}", operation_id="getEndpoint", sync_to_thread=True, responses=documented(404))
def show_endpoint(name: FromPath[str], app: TheApp) -> EndpointRow:
    """One endpoint."""
    return app.endpoints.show(name)


@patch("/endpoints/{name:str}", operation_id="changeEndpoint", sync_to_thread=True, responses=documented(403, 404, 422))
def change_endpoint(name: FromPath[str], app: TheApp, data: JSONBody[EndpointChanges]) -> EndpointRow:
    """Another URL or other filters, from now on; what is left out stays as it is."""
    app.endpoints.change(name, data, ACTOR)
    return app.endpoints.show(name)


@delete(
    "/endpoints/{name:str}",
    operation_id="removeEndpoint",
    status_code=204,
    sync_to_thread=True,
    responses=documented(403, 404),
)
def remove_endpoint(name: FromPath[str], app: TheApp) -> None:
    """Tell it of nothing any more; what waited for it is dropped."""
    app.endpoints.remove(name, ACTOR)


@post(
    "/endpoints/{name:str}/rotate-secret",
    operation_id="rotateEndpointSecret",
    status_code=200,
    sync_to_thread=True,
    responses=documented(403, 404),
)
def rotate_secret(name: FromPath[str], app: TheApp, data: JSONBody[Overlap | None] = None) -> Registered:
    """A new secret; the one in use signs beside it for `overlap_hours`. Not idempotent: each call makes another."""
    secret = app.endpoints.rotate(name, ACTOR, (data or Overlap()).overlap_hours)
    return Registered(endpoint=app.endpoints.show(name), secret=secret)


@post(
    "/endpoints/{name:str}/enable",
    operation_id="enableEndpoint",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404),
)
def enable_endpoint(name: FromPath[str], app: TheApp) -> Response[EndpointRow]:
    """Send to it again. What it missed meanwhile is sent by a replay."""
    app.endpoints.enable(name, ACTOR)
    return _turned(app, name)


@post(
    "/endpoints/{name:str}/disable",
    operation_id="disableEndpoint",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404),
)
def disable_endpoint(name: FromPath[str], app: TheApp, data: JSONBody[Reason | None] = None) -> Response[EndpointRow]:
    """Send nothing to it for now. Asking twice disables once."""
    app.endpoints.disable(name, ACTOR, (data or Reason()).reason)
    return _turned(app, name)


@post(
    "/endpoints/{name:str}/test",
    operation_id="testEndpoint",
    status_code=200,
    sync_to_thread=True,
    responses=documented(403, 404),
)
def test_endpoint(name: FromPath[str], app: TheApp) -> Tested:
    """Send a message of the type `endpoint.test` now, also to one that is disabled; answers what came of it."""
    attempt = app.endpoints.test(name)
    answer = attempt.answer
    return Tested(
        message_id=attempt.message.message_id,
        http_status=answer.status,
        error=answer.error,
        excerpt=answer.excerpt,
        took_ms=answer.took_ms,
    )


@post(
    "/endpoints/{name:str}/replay",
    operation_id="replayEndpoint",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 422),
)
def replay_endpoint(name: FromPath[str], app: TheApp, data: JSONBody[Since]) -> Response[EndpointRow]:
    """Send once more all that was recorded since then, under the same message ids."""
    app.endpoints.replay(name, data.since, ACTOR)
    return _turned(app, name)


@get(
    "/endpoints/{name:str}/deliveries",
    operation_id="listDeliveries",
    sync_to_thread=True,
    responses=documented(400, 404),
)
def list_deliveries(
    request: Request[Any, Any, Any], name: FromPath[str], app: TheApp, limit: Limit = 50, cursor: Cursor = ""
) -> Response[Page[AttemptRow]]:
    """The log of attempts, the newest first."""
    rows = app.endpoints.deliveries(name, decode_cursor(cursor, int), limit)
    return paged(request, rows, rows[-1].attempt_id if len(rows) == limit else None)


def _turned(app: Any, name: str) -> Response[EndpointRow]:  # noqa: ANN401 - the App, as the handlers have it
    return Response(app.endpoints.show(name), headers={"Location": f"/v1/endpoints/{name}"})


routes = Router(
    path="/v1",
    route_handlers=[
        add_endpoint,
        list_endpoints,
        show_endpoint,
        change_endpoint,
        remove_endpoint,
        rotate_secret,
        enable_endpoint,
        disable_endpoint,
        test_endpoint,
        replay_endpoint,
        list_deliveries,
    ],
    tags=["endpoints"],
)
