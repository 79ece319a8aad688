"""The page, its live stream, and the forms on it: each form is answered with 303 and works without scripts."""

import asyncio
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import MediaType, Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import FromPath, HeaderParameter, QueryParameter, SkipValidation, URLEncodedBody
from litestar.response import Redirect, ServerSentEvent, Stream

from dispatch.application.ports.statistics import Period
from dispatch.domain.job.state import JobStatus
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.batches import correction_file, error_file
from dispatch.entrypoints.http.dashboard.assets import show_asset
from dispatch.entrypoints.http.dashboard.live import LiveFeed, refuse_when_full
from dispatch.entrypoints.http.dashboard.operations import RecentOperations
from dispatch.entrypoints.http.dashboard.page import Asked, look, render_fragments, render_page
from dispatch.entrypoints.http.problem import Refused
from dispatch.entrypoints.http.receiving import Options, receive_upload
from dispatch.entrypoints.http.shapes import find_batch

ACTOR = "dashboard"
DUPLICATE = (
    "This file was received before, so nothing new was made: below is the batch that it is."
    " Tick “import again” to run it once more."
)

TheApp = NamedDependency[SkipValidation[App]]
TheFeed = NamedDependency[SkipValidation[LiveFeed]]
BatchId = Annotated[str, QueryParameter(max_length=36)]
TheOperations = NamedDependency[SkipValidation[RecentOperations]]
By = Annotated[Period, QueryParameter(description="How long a column of the trend is.")]
Status = Annotated[str, QueryParameter(max_length=20)]


@get("/", media_type=MediaType.HTML, sync_to_thread=True)
def show_page(
    app: TheApp,
    operations: TheOperations,
    batch: BatchId = "",
    status: Status = "",
    after: BatchId = "",
    by: By = Period.DAY,
    duplicate: Annotated[bool, QueryParameter()] = False,
) -> str:
    """Batches, the jobs of the chosen one, what is before a person, and the pipeline."""
    overview = look(app, _asked(batch, status, after, by), operations)
    return render_page(overview, notice=DUPLICATE if duplicate else "")


@get("/live")
async def stream_fragments(
    app: TheApp,
    feed: TheFeed,
    operations: TheOperations,
    batch: BatchId = "",
    status: Status = "",
    after: BatchId = "",
    by: By = Period.DAY,
    position: Annotated[int, QueryParameter(ge=-1)] = -1,
    last_event_id: Annotated[str, HeaderParameter(name="Last-Event-ID")] = "",
) -> ServerSentEvent:
    """The parts of the page that changed, whenever the views have moved; the id is the position of the ledger."""
    refuse_when_full(feed)
    asked = _asked(batch, status, after, by)
    seen = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else position
    return ServerSentEvent(feed.stream(seen, partial(_fragments, app, asked, operations)))


@post("/batches", request_max_body_size=None, status_code=303)
async def upload(request: Request[Any, Any, Any], app: TheApp) -> Redirect:
    """The upload form."""
    options = Options(error_threshold_percent=app.settings.error_threshold_percent)
    received = await receive_upload(request, app.receive, options, ACTOR)
    query = {"batch": received.batch_id} | ({"duplicate": "true"} if received.duplicate else {})
    return Redirect(f"/?{urlencode(query)}", status_code=303)


@get("/batches/{batch_id:uuid}/errors.csv", sync_to_thread=True)
def download_errors(batch_id: FromPath[UUID], app: TheApp) -> Stream:
    """All refused values of a batch."""
    if find_batch(app, str(batch_id)) is None:
        raise Refused("batch_unknown", "there is no such batch", where=f"batch {batch_id}")
    return error_file(app, str(batch_id))


@get("/batches/{batch_id:uuid}/corrections.csv", sync_to_thread=True)
def download_corrections(batch_id: FromPath[UUID], app: TheApp) -> Stream:
    """All refused rows of a batch, to be corrected."""
    return correction_file(app, str(batch_id))


@post("/jobs/{job_id:uuid}/resume", status_code=303)
async def resume(job_id: FromPath[UUID], app: TheApp, batch: BatchId = "") -> Redirect:
    """The button beside an escalation."""
    await asyncio.to_thread(app.desk.resume, str(job_id), ACTOR)
    query = f"?{urlencode({'batch': batch})}" if batch else ""
    return Redirect(f"/{query}#escalations", status_code=303)


class DecisionForm(msgspec.Struct, frozen=True):
    """What the form beside a waiting batch sends."""

    decision: Literal["approve", "reject"]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


@post("/batches/{batch_id:uuid}/decide", status_code=303)
async def decide(batch_id: FromPath[UUID], app: TheApp, data: URLEncodedBody[DecisionForm]) -> Redirect:
    """The buttons beside a batch that waits for approval."""
    act = app.approval_desk.approve if data.decision == "approve" else app.approval_desk.reject
    await asyncio.to_thread(act, str(batch_id), ACTOR, data.reason)
    return Redirect(f"/?{urlencode({'batch': str(batch_id)})}", status_code=303)


def _fragments(app: App, asked: Asked, operations: RecentOperations) -> dict[str, str]:
    return render_fragments(look(app, asked, operations))


def _asked(batch: str, status: str, after: str, by: Period) -> Asked:
    try:
        return Asked(
            batch_id=str(UUID(batch)) if batch else "",
            status=JobStatus(status) if status else None,
            after=str(UUID(after)) if after else "",
            by=by,
        )
    except ValueError as error:
        raise ValidationException(f"The address names a batch or a state that cannot be: {error}") from None


HANDLERS: list[Any] = [
    show_page,
    stream_fragments,
    upload,
    download_errors,
    download_corrections,
    resume,
    decide,
    show_asset,
]
