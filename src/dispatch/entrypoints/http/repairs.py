"""Mending batches over HTTP: corrected rows come back, an import is taken back, a file is judged anew."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, JSONBody, QueryParameter, SkipValidation

from dispatch.application.intake.correct import Corrected
from dispatch.application.take_back import KEPT_SHOWN, UndoPreview
from dispatch.domain.batch.events import Event
from dispatch.domain.events import event_name
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.problem import RETRY_AFTER_S, documented
from dispatch.entrypoints.http.receiving import receive_correction

ACTOR = "api"
REASON = msgspec.Meta(min_length=1, max_length=200, pattern=r"\S")

TheApp = NamedDependency[SkipValidation[App]]


class CorrectionTaken(Corrected, frozen=True, kw_only=True):
    """A file of corrected rows was taken: `rows` of them, 0 where the same content had come before."""

    location: str


class Undo(msgspec.Struct, frozen=True):
    """Why an import is taken back. The reason is shown to everybody: no names, no numbers of people."""

    reason: Annotated[str, REASON]


class Reset(msgspec.Struct, frozen=True):
    """Why a file is judged anew, and under which error budget: without one, under that of before."""

    reason: Annotated[str, REASON]
    error_threshold_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None


class BatchOrdered(msgspec.Struct, frozen=True):
    """A command was taken; `recorded` names the events it made, none when it had been carried out before."""

    batch_id: str
    location: str
    recorded: list[str]


@dataclass
class CorrectionOperation(Operation):
    """Says in the OpenAPI document what the body may be; the handler reads it as a stream."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING, description="The file of `errors?form=corrections`, corrected")
        form = Schema(type=OpenAPIType.OBJECT, required=["file"], properties={"file": text})
        content = {"multipart/form-data": OpenAPIMediaType(form), "text/csv": OpenAPIMediaType(text)}
        self.request_body = RequestBody(required=True, description="As with uploads.", content=content)


@post(
    "/batches/{batch_id:uuid}/corrections",
    operation_id="correctBatch",
    operation_class=CorrectionOperation,
    status_code=202,
    request_max_body_size=None,  # The inspector stops a file that is too large, at the size of the settings.
    responses=documented(403, 404, 409, 410, 413, 415, 422),
)
async def correct_batch(
    request: Request[Any, Any, Any], batch_id: FromPath[UUID], app: TheApp
) -> Response[CorrectionTaken]:
    """Send refused rows again, corrected. 202 when they are new; 200 when the same content was received before.

    The columns may stand in any order; of the helper columns only `row` counts. Rows of an admitted batch become jobs
    by themselves, a batch of which nothing is admitted is judged again as a whole.
    """
    corrected = await receive_correction(request, app.correct, str(batch_id), ACTOR)
    location = f"/v1/batches/{batch_id}"
    answer = CorrectionTaken(**msgspec.structs.asdict(corrected), location=location)
    if corrected.duplicate:
        return Response(answer, status_code=200, headers={"Location": location})
    return Response(answer, headers={"Location": location, "Retry-After": str(RETRY_AFTER_S)})


@get(
    "/batches/{batch_id:uuid}/undo",
    operation_id="previewUndo",
    sync_to_thread=True,
    responses=documented(404, 409),
)
def preview_undo(
    batch_id: FromPath[UUID],
    app: TheApp,
    kept: Annotated[int, QueryParameter(ge=0, le=10_000, description="So many kept jobs are named.")] = KEPT_SHOWN,
) -> UndoPreview:
    """What taking the import back would do now: how many jobs are cancelled, and which stay and why."""
    return app.take_back.preview(str(batch_id), kept_max=kept)


@post(
    "/batches/{batch_id:uuid}/undo",
    operation_id="undoBatch",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409),
)
def undo_batch(batch_id: FromPath[UUID], app: TheApp, data: JSONBody[Undo]) -> Response[BatchOrdered]:
    """Take an import back: each job that was not sent is cancelled. Asking twice does it once."""
    return _ordered(batch_id, app.take_back.undo(str(batch_id), ACTOR, data.reason.strip()))


@post(
    "/batches/{batch_id:uuid}/reset",
    operation_id="resetBatch",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409, 410),
)
def reset_batch(batch_id: FromPath[UUID], app: TheApp, data: JSONBody[Reset]) -> Response[BatchOrdered]:
    """Have the file judged again from the beginning, corrections on top. 409 while rows of it are jobs: undo first."""
    events = app.take_back.reset(str(batch_id), ACTOR, data.reason.strip(), data.error_threshold_percent)
    return _ordered(batch_id, events)


def _ordered(batch_id: UUID, events: list[Event]) -> Response[BatchOrdered]:
    location = f"/v1/batches/{batch_id}"
    recorded = [event_name(event) for event in events]
    return Response(BatchOrdered(str(batch_id), location, recorded), headers={"Location": location})


routes = Router(path="/v1", route_handlers=[correct_batch, preview_undo, undo_batch, reset_batch], tags=["batches"])
