"""Failures over HTTP: the groups into which jobs that failed for good fall, and the dead letters of each."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get
from litestar.params import FromPath, QueryParameter

from dispatch.application.ports.failures import DeadLetter, FailureGroup
from dispatch.domain.replay.events import Selection
from dispatch.entrypoints.http.batches import TheApp
from dispatch.entrypoints.http.paging import LIMIT_MAX, Cursor, Limit, Page, decode_cursor, paged
from dispatch.entrypoints.http.problem import Refused, documented


class FailureDetail(FailureGroup, frozen=True, kw_only=True):
    """A group and its first open dead letters."""

    dead_letters: list[DeadLetter]


@get("/failures", operation_id="listFailures", sync_to_thread=True, responses=documented())
def list_failures(
    app: TheApp,
    only_open: Annotated[bool, QueryParameter(description="Only groups with an open dead letter.")] = True,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="At most 100.")] = LIMIT_MAX,
) -> Page[FailureGroup]:
    """Groups of failures: those with most open dead letters first."""
    return Page(app.failures.groups(only_open=only_open, limit=limit))


@get("/failures/{fingerprint:str}", operation_id="getFailure", sync_to_thread=True, responses=documented(404))
def show_failure(fingerprint: FromPath[str], app: TheApp) -> FailureDetail:
    """One group and the first hundred of its open dead letters."""
    group = app.failures.group(fingerprint)
    if group is None:
        where, fix = f"failure {fingerprint[:40]}", "take a fingerprint from GET /v1/failures"
        raise Refused("failure_unknown", "there is no such group of failures", where=where, fix=fix)
    letters = app.failures.dead_letters(Selection(fingerprint=fingerprint), limit=LIMIT_MAX)
    return FailureDetail(**msgspec.structs.asdict(group), dead_letters=letters)


@get("/dead-letters", operation_id="listDeadLetters", sync_to_thread=True, responses=documented())
def list_dead_letters(
    request: Request[Any, Any, Any],
    app: TheApp,
    fingerprint: Annotated[str, QueryParameter(max_length=40, description="Only of this group.")] = "",
    stage: Annotated[str, QueryParameter(max_length=60, description="Only at this stage.")] = "",
    code: Annotated[str, QueryParameter(max_length=100, description="Only with this error code.")] = "",
    batch_id: Annotated[UUID | None, QueryParameter(description="Only of this batch.")] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Response[Page[DeadLetter]]:
    """Jobs whose retries are spent or that were given up, in the order in which they were opened."""
    selection = Selection(fingerprint=fingerprint, stage=stage, code=code, batch_id=str(batch_id) if batch_id else "")
    after = decode_cursor(cursor, UUID)
    rows = app.failures.dead_letters(selection, limit=limit + 1, after=str(after) if after else None)
    items = rows[:limit]
    return paged(request, items, items[-1].job_id if len(rows) > limit else None)


routes = Router(path="/v1", route_handlers=[list_failures, show_failure, list_dead_letters], tags=["failures"])
