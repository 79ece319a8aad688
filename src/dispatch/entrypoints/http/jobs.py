"""Jobs over HTTP: where each stands, what happened to it, and what people may do about it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter, SkipValidation

from dispatch.application.explanation import Explanation
from dispatch.application.job_at import job_row, until
from dispatch.application.moment import parse_time
from dispatch.application.ports.queries import JobRow, JobTotals, StageHealth, ViewPosition
from dispatch.application.timeline import timeline
from dispatch.domain.job.state import JobStatus
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.paging import Cursor, Limit, Page, decode_cursor, paged
from dispatch.entrypoints.http.problem import Refused, documented
from dispatch.entrypoints.http.shapes import JobDetail

ACTOR = "api"

TheApp = NamedDependency[SkipValidation[App]]


class Cancellation(msgspec.Struct, frozen=True):
    """Why a job is ended. The reason is shown to everybody: no names, no numbers of people."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "cancelled_by_operator"


class Settlement(msgspec.Struct, frozen=True):
    """Whether a provider had acted, and how it is known. The note is shown to everybody: no names of people."""

    happened: bool
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Ordered(msgspec.Struct, frozen=True):
    """A command was taken; `recorded` names the events it made, none when it had been carried out before."""

    job_id: str
    location: str
    recorded: list[str]


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """What is at each stage now, all jobs by state, and how far the views have followed the ledger."""

    stages: list[StageHealth]
    jobs: JobTotals
    views: list[ViewPosition]
    ledger_head: int


@get("/jobs", operation_id="listJobs", sync_to_thread=True, responses=documented())
def list_jobs(
    request: Request[Any, Any, Any],
    app: TheApp,
    batch_id: Annotated[UUID | None, QueryParameter(description="Only jobs of this batch.")] = None,
    status: Annotated[JobStatus | None, QueryParameter(description="Only jobs in this state.")] = None,
    stage: Annotated[str | None, QueryParameter(max_length=60, description="Only jobs at this stage.")] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Response[Page[JobRow]]:
    """Jobs in the order in which they were opened."""
    after = decode_cursor(cursor, UUID)
    rows = app.queries.jobs(
        batch_id=str(batch_id) if batch_id else None,
        status=status,
        stage=stage,
        limit=limit + 1,
        after=str(after) if after else None,
    )
    items = rows[:limit]
    return paged(request, items, items[-1].job_id if len(rows) > limit else None)


@get("/jobs/{job_id:uuid}", operation_id="getJob", sync_to_thread=True, responses=documented(404))
def show_job(
    job_id: FromPath[UUID],
    app: TheApp,
    at: Annotated[
        str, QueryParameter(max_length=40, description="As it was at this time: ISO 8601, UTC unless it says.")
    ] = "",
) -> JobDetail:
    """One job and everything that happened to it, without personal data; with `at` up to that time."""
    moment, row = _moment(at), _job(app, job_id)
    recorded = app.ledger.trace(row.job_id)
    if moment is not None:
        recorded = until(recorded, moment)
        row = job_row(recorded)
    return JobDetail(**msgspec.structs.asdict(row), timeline=timeline(recorded), as_of=moment)


@get("/jobs/{job_id:uuid}/why", operation_id="explainJob", sync_to_thread=True, responses=documented(404))
def explain_job(job_id: FromPath[UUID], app: TheApp) -> Explanation:
    """Why a job is where it is: the rule, its inputs, the events that it rests on, and what can be done.

    Of one that waits in a queue or in a worker's hand: for which pause, breaker, cap, limit or turn, and `until` when.
    """
    return app.explain_job(str(job_id))


@post(
    "/jobs/{job_id:uuid}/resume",
    operation_id="resumeJob",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409),
)
def resume_job(job_id: FromPath[UUID], app: TheApp) -> Response[Ordered]:
    """Send an escalated job on; its stage is tried anew. Asking twice resumes once."""
    return ordered(job_id, app.desk.resume(str(job_id), ACTOR))


@post(
    "/jobs/{job_id:uuid}/settle",
    operation_id="settleJob",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409, 422),
)
def settle_job(job_id: FromPath[UUID], app: TheApp, data: JSONBody[Settlement]) -> Response[Ordered]:
    """Say whether the provider had acted, for a job given up as `outcome_unknown`. Asking twice settles once."""
    return ordered(job_id, app.desk.settle(str(job_id), ACTOR, data.note, happened=data.happened))


@post(
    "/jobs/{job_id:uuid}/cancel",
    operation_id="cancelJob",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409),
)
def cancel_job(job_id: FromPath[UUID], app: TheApp, data: JSONBody[Cancellation | None] = None) -> Response[Ordered]:
    """End a job that was not sent. 409 when it is too late."""
    cancellation = data or Cancellation()
    return ordered(job_id, app.desk.cancel(str(job_id), ACTOR, cancellation.reason))


@get("/pipeline", operation_id="getPipeline", sync_to_thread=True, responses=documented())
def show_pipeline(app: TheApp) -> Pipeline:
    """What is at each stage now, and how old the oldest of it is."""
    return Pipeline(
        stages=app.queries.pipeline_health(),
        jobs=app.queries.job_totals(),
        views=app.queries.positions(),
        ledger_head=app.ledger.head(),
    )


def _job(app: App, job_id: UUID) -> JobRow:
    row = app.queries.job(str(job_id))
    if row is None:
        fix = "take an id from GET /v1/jobs; a job shows a moment after its batch was admitted"
        raise Refused("job_unknown", "there is no such job", where=f"job {job_id}", fix=fix)
    return row


def _moment(text: str) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise Refused("request_invalid", str(error), where="at", fix="write it so") from error


def ordered(job_id: UUID, events: list[Any]) -> Response[Ordered]:
    """A command on a job that was carried out, now or before."""
    location = f"/v1/jobs/{job_id}"
    recorded = [type(event).__name__ for event in events]
    return Response(Ordered(str(job_id), location, recorded), headers={"Location": location})


routes = Router(
    path="/v1",
    route_handlers=[
        list_jobs,
        show_job,
        explain_job,
        resume_job,
        settle_job,
        cancel_job,
        show_pipeline,
    ],
    tags=["jobs"],
)
