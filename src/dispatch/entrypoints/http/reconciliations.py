"""Reconciliations over HTTP: begin one, and see how far it is and what it found."""

import threading
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation

from dispatch.application.ports.reconciling import RunRow
from dispatch.application.reconcile.scope import Scope
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.paging import Limit, Page
from dispatch.entrypoints.http.problem import RETRY_AFTER_S, Refused, documented
from dispatch.entrypoints.reconciling import new_run_id, open_reconcile

TheApp = NamedDependency[SkipValidation[App]]
RUNNING = "running"

log = structlog.get_logger(__name__)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to compare: everything, one batch, or batches with an event since a time; and who wants it mended."""

    batch_id: UUID | None = None
    since: datetime | None = None
    repair: bool = False
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"\S")] = "api"


@post(
    "/reconciliations",
    operation_id="beginReconciliation",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 422),
)
def begin_reconciliation(app: TheApp, data: JSONBody[Asked | None] = None) -> Response[RunRow]:
    """Begin one; `Location` says how it goes. 200 with the one that runs where the same is under way already."""
    asked = data or Asked()
    if asked.batch_id is not None and asked.since is not None:
        fix = "leave one of them out"
        raise Refused("request_invalid", "`batch_id` and `since` exclude each other", where="the body", fix=fix)
    if asked.since is not None and asked.since.tzinfo is None:
        fix = "write it with an offset, as in 2026-11-27T10:00:00Z"
        raise Refused("request_invalid", "`since` has no offset from UTC", where="since", fix=fix)
    batch_id = str(asked.batch_id) if asked.batch_id else ""
    if batch_id and app.queries.batch(batch_id) is None:
        fix = "take an id from GET /v1/batches"
        raise Refused("batch_unknown", "there is no such batch", where=f"batch {batch_id}", fix=fix)
    scope = Scope(batch_id=batch_id, since=asked.since)
    for run in app.reconciliations.latest():
        if run.status == RUNNING and run.scope == str(scope) and not asked.repair:
            return _answer(run, 200)
    run_id = new_run_id()
    app.reconciliations.begin(run_id, str(scope), asked.by)
    # A thread of its own: it may take minutes. When this process ends meanwhile, the run is shown as lost.
    arguments = (app, run_id, scope, asked)
    threading.Thread(target=_run, args=arguments, name=f"reconcile-{run_id[:8]}", daemon=True).start()
    return _answer(_row(app, run_id), 202)


@get("/reconciliations", operation_id="listReconciliations", sync_to_thread=True, responses=documented())
def list_reconciliations(app: TheApp, limit: Limit = 20) -> Page[RunRow]:
    """The last ones, the newest first, without their reports. Those of the timers have the scope `light`."""
    return Page(list(app.reconciliations.latest(limit)))


@get(
    "/reconciliations/{run_id:uuid}",
    operation_id="getReconciliation",
    sync_to_thread=True,
    responses=documented(404),
)
def show_reconciliation(run_id: FromPath[UUID], app: TheApp) -> RunRow:
    """How far it is; at its end `report` has the counts, the first differences of each code, and what was mended."""
    return _row(app, str(run_id))


def _run(app: App, run_id: str, scope: Scope, asked: Asked) -> None:
    try:
        open_reconcile(app).kept(run_id, scope, asked.by, repair=asked.repair, begun=True)
    except Exception as error:  # Nobody waits for this thread: the row says that it failed, the log why.
        log.warning("reconciliation.failed", run_id=run_id, error=type(error).__name__, exc_info=True)


def _row(app: App, run_id: str) -> RunRow:
    row = app.reconciliations.get(run_id)
    if row is None:
        fix = "take an id from GET /v1/reconciliations; they are kept for 30 days"
        raise Refused("reconciliation_unknown", "there is no such reconciliation", where=f"run {run_id}", fix=fix)
    return row


def _answer(row: RunRow, status: int) -> Response[RunRow]:
    headers = {"Location": f"/v1/reconciliations/{row.run_id}", "Retry-After": str(RETRY_AFTER_S)}
    return Response(row, status_code=status, headers=headers)


routes = Router(
    path="/v1",
    route_handlers=[begin_reconciliation, list_reconciliations, show_reconciliation],
    tags=["reconciliation"],
)
