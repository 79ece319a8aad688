"""Pauses over HTTP: what is held up, by whom and until when."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody

from dispatch.application.control import PauseRow
from dispatch.application.ports.gates import gate_key
from dispatch.domain.control.events import PauseScope
from dispatch.entrypoints.http.batches import TheApp
from dispatch.entrypoints.http.paging import Page
from dispatch.entrypoints.http.problem import Refused, documented

ACTOR = "api"


class NewPause(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be paused: a stage, provider or batch by its name, or the intake or everything without one.

    `reason` is kept in the ledger, so no personal data. With `until` it goes on by itself then.
    """

    scope: PauseScope
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """What is held up from now on. `recorded` is false where it was paused just so before."""

    key: str
    recorded: bool


@post("/pauses", operation_id="pauseWork", status_code=201, sync_to_thread=True, responses=documented(403, 422))
def pause_work(app: TheApp, data: JSONBody[NewPause]) -> Response[Paused]:
    """Take up nothing of it. 201 when it is new, 200 when it was paused just so."""
    is_new = app.control.pause(data.scope, data.name, by=ACTOR, reason=data.reason, until=data.until)
    paused = Paused(key=gate_key(data.scope, data.name), recorded=is_new)
    return Response(paused, status_code=201 if is_new else 200)


@get("/pauses", operation_id="listPauses", sync_to_thread=True, responses=documented())
def list_pauses(app: TheApp) -> Page[PauseRow]:
    """What is paused now, newest first."""
    return Page(app.control.book.pauses())


@delete(
    "/pauses/{key:str}", operation_id="resumeWork", status_code=204, sync_to_thread=True, responses=documented(403, 404)
)
def resume_work(key: FromPath[str], app: TheApp) -> None:
    """Go on. The key is as in the list: `stage:verify`, `everything`. Asking twice resumes once."""
    scope, _, name = key.partition(":")
    try:
        app.control.resume(PauseScope(scope), name, by=ACTOR)
    except ValueError as error:
        known = ", ".join(one.value for one in PauseScope)
        raise Refused(
            "not_found", "nothing of this kind can be paused", where=f"key {key[:60]}", fix=f"begin with {known}"
        ) from error


routes = Router(path="/v1", route_handlers=[pause_work, list_pauses, resume_work], tags=["pauses"])
