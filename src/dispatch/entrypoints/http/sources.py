"""Sources over HTTP: where rows come from by themselves."""

from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody

from dispatch.application.ports.sources import SourceRow
from dispatch.application.sources.desk import NewSource
from dispatch.application.sources.shown import source_row
from dispatch.domain.source.state import SourceStatus
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.batches import TheApp
from dispatch.entrypoints.http.paging import Page
from dispatch.entrypoints.http.problem import Refused, documented

ACTOR = "api"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why; it is kept in the ledger, so no personal data."""

    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


@post(
    "/sources",
    operation_id="addSource",
    status_code=201,
    sync_to_thread=True,
    responses=documented(403, 409, 422),
)
def add_source(app: TheApp, data: JSONBody[NewSource]) -> Response[SourceRow]:
    """Take rows from there. 201 when it is new, 200 when it was added before just so, 409 when it is another one."""
    is_new = app.sources.add(data, ACTOR)
    location = f"/v1/sources/{data.name}"
    return Response(_row(app, data.name), status_code=201 if is_new else 200, headers={"Location": location})


@get("/sources", operation_id="listSources", sync_to_thread=True, responses=documented())
def list_sources(app: TheApp) -> Page[SourceRow]:
    """Every source that is not removed, by name, each with the last look at it."""
    return Page(app.queries.sources())


@get("/sources/{name:str}", operation_id="getSource", sync_to_thread=True, responses=documented(404))
def show_source(name: FromPath[str], app: TheApp) -> SourceRow:
    """One source: what came from it, and how the last look went."""
    return _row(app, name)


@post(
    "/sources/{name:str}/check",
    operation_id="checkSource",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409),
)
def check_source(name: FromPath[str], app: TheApp) -> Response[SourceRow]:
    """Have it looked at now, by the role that does so."""
    row = _row(app, name)
    if row.status is SourceStatus.PAUSED:
        raise paused(name)
    app.source_looks.hasten(row.source_id)
    return _turned(app, name)


@post(
    "/sources/{name:str}/pause",
    operation_id="pauseSource",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409),
)
def pause_source(name: FromPath[str], app: TheApp, data: JSONBody[Reason | None] = None) -> Response[SourceRow]:
    """Take nothing from it for now. Asking twice pauses once."""
    app.sources.pause(name, ACTOR, (data or Reason()).reason)
    return _turned(app, name)


@post(
    "/sources/{name:str}/resume",
    operation_id="resumeSource",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409),
)
def resume_source(name: FromPath[str], app: TheApp) -> Response[SourceRow]:
    """Go on. Asking twice resumes once."""
    app.sources.resume(name, ACTOR)
    return _turned(app, name)


@delete(
    "/sources/{name:str}",
    operation_id="removeSource",
    status_code=204,
    sync_to_thread=True,
    responses=documented(403, 404, 409),
)
def remove_source(name: FromPath[str], app: TheApp) -> None:
    """Take nothing from it any more; what came from it stays."""
    app.sources.remove(name, ACTOR)


def paused(name: str) -> Refused:
    """The refusal of a source that is paused."""
    return Refused("source_paused", "the source is paused", where=f"source {name[:63]}", fix="resume it first")


def _row(app: App, name: str) -> SourceRow:
    return source_row(app.ledger, app.source_looks, name)


def _turned(app: App, name: str) -> Response[SourceRow]:
    return Response(_row(app, name), headers={"Location": f"/v1/sources/{name}"})


routes = Router(
    path="/v1",
    route_handlers=[
        add_source,
        list_sources,
        show_source,
        check_source,
        pause_source,
        resume_source,
        remove_source,
    ],
    tags=["sources"],
)
