"""Replays over HTTP: the same thing done to many dead letters, its progress, and the report of each job."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from dispatch.application.ports.failures import ReplayItem, ReplayRow
from dispatch.application.replays import ReplayAsked, ReplayPreview
from dispatch.domain.replay.events import ReplayAction, Selection
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.batches import TheApp
from dispatch.entrypoints.http.paging import Cursor, Limit, Page, decode_cursor, paged
from dispatch.entrypoints.http.problem import Refused, documented

ACTOR = "api"

Name = Annotated[str, msgspec.Meta(max_length=100)]


class NewReplay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be done to which dead letters: to all to which everything that is named here applies."""

    action: ReplayAction
    fingerprint: Name = ""
    stage: Name = ""
    code: Name = ""
    batch_id: UUID | None = None
    since: datetime | None = None
    """Failed for good then or later."""
    to_stage: Name = ""
    """Where rerouted jobs go on."""
    per_second: float = 100.0
    """At most so many jobs a second."""
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""
    """Why; it is kept in the ledger, so no personal data."""


class ReplayAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """It is recorded, and done from now on."""

    replay_id: str
    location: str
    counted: int


class Stop(msgspec.Struct, frozen=True):
    """Why; it is kept in the ledger, so no personal data."""

    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


@post(
    "/replays",
    operation_id="requestReplay",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409, 422),
)
def request_replay(
    app: TheApp,
    data: JSONBody[NewReplay],
    dry_run: Annotated[bool, QueryParameter(description="Say what would happen, and change nothing.")] = False,
) -> Response[ReplayAccepted | ReplayPreview]:
    """Retry, drop, archive or reroute dead letters. 202 and where its report grows; 200 for a dry run."""
    asked = _asked(data)
    if dry_run:
        return Response(app.replays.preview(asked), status_code=200)
    requested = app.replays.request(asked, ACTOR)
    location = f"/v1/replays/{requested.replay_id}"
    accepted = ReplayAccepted(replay_id=requested.replay_id, location=location, counted=requested.counted)
    return Response(accepted, headers={"Location": location})


@get("/replays", operation_id="listReplays", sync_to_thread=True, responses=documented())
def list_replays(app: TheApp, limit: Limit = 50) -> Page[ReplayRow]:
    """The newest replays first."""
    return Page(app.failures.replays(limit=limit))


@get("/replays/{replay_id:uuid}", operation_id="getReplay", sync_to_thread=True, responses=documented(404))
def show_replay(replay_id: FromPath[UUID], app: TheApp) -> ReplayRow:
    """One replay: how far it is, and what came of its jobs so far."""
    return _row(app, replay_id)


@get("/replays/{replay_id:uuid}/items", operation_id="listReplayItems", sync_to_thread=True, responses=documented(404))
def list_items(
    request: Request[Any, Any, Any],
    replay_id: FromPath[UUID],
    app: TheApp,
    result: Annotated[str | None, QueryParameter(max_length=60, description="Only with this result.")] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Response[Page[ReplayItem]]:
    """Each job of a replay and what came of it; an empty result is still to come."""
    _row(app, replay_id)
    after = decode_cursor(cursor, int)
    place = -1 if after is None else after
    rows = app.failures.replay_items(str(replay_id), limit=limit + 1, after=place, result=result)
    items = rows[:limit]
    return paged(request, items, items[-1].number if len(rows) > limit else None)


@post(
    "/replays/{replay_id:uuid}/stop",
    operation_id="stopReplay",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409),
)
def stop_replay(replay_id: FromPath[UUID], app: TheApp, data: JSONBody[Stop | None] = None) -> Response[None]:
    """Do nothing more of it; what is done stays done."""
    app.replays.stop(str(replay_id), ACTOR, (data or Stop()).reason)
    return Response(None, headers={"Location": f"/v1/replays/{replay_id}"})


def _asked(data: NewReplay) -> ReplayAsked:
    selection = Selection(
        fingerprint=data.fingerprint,
        stage=data.stage,
        code=data.code,
        batch_id=str(data.batch_id) if data.batch_id else "",
        since=data.since,
    )
    if selection.is_everything:
        fix = "name a fingerprint, stage, code, batch_id or since"
        raise Refused("selection_missing", "nothing says which dead letters", where="the body", fix=fix)
    if data.since is not None and data.since.tzinfo is None:
        fix = "write it as in 2026-11-23T12:00:00Z"
        raise Refused("request_invalid", "the time has no offset from UTC", where="since", fix=fix)
    return ReplayAsked(
        action=data.action,
        selection=selection,
        reason=data.reason,
        per_second=data.per_second,
        stage=data.to_stage,
    )


def _row(app: App, replay_id: UUID) -> ReplayRow:
    row = app.failures.replay(str(replay_id))
    if row is None:
        fix = "list them with GET /v1/replays; one of this second may not be listed yet"
        raise Refused("replay_unknown", "there is no such replay", where=f"replay {replay_id}", fix=fix)
    return row


routes = Router(
    path="/v1",
    route_handlers=[request_replay, list_replays, show_replay, list_items, stop_replay],
    tags=["failures"],
)
