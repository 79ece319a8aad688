"""Batches over HTTP: send a file, see what became of it, fetch what was refused."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Stream

from dispatch.application.intake.forecast import Forecast
from dispatch.application.intake.receive import Received
from dispatch.application.ports.queries import RowErrorRow
from dispatch.domain.batch.desk import Priority
from dispatch.domain.batch.state import BatchStatus
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.error_report import error_pages, to_csv, whole_rows
from dispatch.entrypoints.http.paging import Cursor, Limit, Page, decode_cursor, paged
from dispatch.entrypoints.http.problem import RETRY_AFTER_S, Refused, documented
from dispatch.entrypoints.http.receiving import WORKBOOK, Options, forecast_upload, receive_upload
from dispatch.entrypoints.http.shapes import Accepted, BatchDetail, BatchShown, detailed, find_batch, shown

ACTOR = "api"

TheApp = NamedDependency[SkipValidation[App]]
Threshold = Annotated[
    int | None,
    QueryParameter(ge=0, le=100, description="Error budget in whole per cent; without it the server's setting."),
]


class Form(StrEnum):
    """What the CSV file of refused rows is for: to be read, or to be corrected and sent back."""

    REPORT = "report"
    CORRECTIONS = "corrections"


@dataclass
class UploadOperation(Operation):
    """Says in the OpenAPI document what the body may be; the handler reads it as a stream."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING, description="CSV in UTF-8 with a header line")
        rows = Schema(type=OpenAPIType.STRING, description='One object a line, an array of objects, or {"rows": [...]}')
        workbook = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="XLSX; its first sheet")
        form = Schema(
            type=OpenAPIType.OBJECT,
            required=["file"],
            properties={
                "file": text,
                "profile": Schema(type=OpenAPIType.STRING, description="Before the file."),
                "error_threshold_percent": Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=100),
                "force": Schema(type=OpenAPIType.BOOLEAN),
                "priority": Schema(type=OpenAPIType.STRING, enum=[priority.value for priority in Priority]),
            },
        )
        self.request_body = RequestBody(
            required=True,
            description="The file: as the field `file` of a form, or bare. The name of a bare one may be given in"
            " X-File-Name or Content-Disposition.",
            content={
                "multipart/form-data": OpenAPIMediaType(form),
                "text/csv": OpenAPIMediaType(text),
                "application/x-ndjson": OpenAPIMediaType(rows),
                "application/json": OpenAPIMediaType(rows),
                WORKBOOK: OpenAPIMediaType(workbook),
            },
        )


@post(
    "/batches",
    operation_id="uploadBatch",
    operation_class=UploadOperation,
    status_code=202,
    request_max_body_size=None,  # The inspector stops a file that is too large, at the size of the settings.
    responses=documented(403, 413, 415, 422),
)
async def upload_batch(
    request: Request[Any, Any, Any],
    app: TheApp,
    profile: Annotated[str, QueryParameter(description="What kind of rows these are.")] = "service-job",
    error_threshold_percent: Threshold = None,
    force: Annotated[bool, QueryParameter(description="Import again what was received before.")] = False,
    priority: Annotated[Priority | None, QueryParameter(description="How urgent it is; normal unless given.")] = None,
    dry_run: Annotated[bool, QueryParameter(description="Say what would happen, and write nothing.")] = False,
) -> Response[Accepted] | Response[Forecast]:
    """Send a file. 202 when it is new; 200 with the first batch when the same content was received before.

    With `dry_run` always 200, with what the file would come to.
    """
    budget = app.settings.error_threshold_percent if error_threshold_percent is None else error_threshold_percent
    options = Options(
        profile=profile, error_threshold_percent=budget, force=force, priority=priority or Priority.NORMAL
    )
    if dry_run:
        return Response(await forecast_upload(request, app.receive, app.dry_run, options), status_code=200)
    received = await receive_upload(request, app.receive, options, ACTOR)
    return await asyncio.to_thread(accepted, app, received)


def accepted(app: App, received: Received) -> Response[Accepted]:
    """The answer to whoever sent rows: the batch that they are, and where to look for it."""
    location = f"/v1/batches/{received.batch_id}"
    first = find_batch(app, received.batch_id) if received.duplicate else None
    answer = Accepted(
        batch_id=received.batch_id,
        file_hash=received.file_hash,
        duplicate=received.duplicate,
        location=location,
        batch=shown(first) if first else None,
    )
    if received.duplicate:
        return Response(answer, status_code=200, headers={"Location": location})
    return Response(answer, headers={"Location": location, "Retry-After": str(RETRY_AFTER_S)})


@get("/batches", operation_id="listBatches", sync_to_thread=True, responses=documented())
def list_batches(
    request: Request[Any, Any, Any],
    app: TheApp,
    status: Annotated[BatchStatus | None, QueryParameter(description="Only batches that stand so.")] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Response[Page[BatchShown]]:
    """Batches, newest first; what waits for a person's approval with `status=awaiting_approval`."""
    rows = app.queries.batches(limit=limit + 1, before=decode_cursor(cursor, datetime), status=status)
    items = [shown(row) for row in rows[:limit]]
    return paged(request, items, items[-1].received_at if len(rows) > limit else None)


@get("/batches/{batch_id:uuid}", operation_id="getBatch", sync_to_thread=True, responses=documented(404))
def show_batch(batch_id: FromPath[UUID], app: TheApp) -> BatchDetail:
    """One batch: what its intake came to, how long that took, and how its jobs pass through the stages."""
    return detailed(found_batch(app, batch_id), app.queries.stage_progress(str(batch_id)))


@get(
    "/batches/{batch_id:uuid}/errors",
    operation_id="listBatchErrors",
    sync_to_thread=True,
    responses=documented(404, 409, 410),
)
def list_errors(
    request: Request[Any, Any, Any],
    batch_id: FromPath[UUID],
    app: TheApp,
    form: Annotated[Form, QueryParameter(description="Of the CSV file: a report, or the rows to be corrected.")] = (
        Form.REPORT
    ),
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Response[Page[RowErrorRow]] | Stream:
    """The refused values in the order of the rows; with `Accept: text/csv` all of them as one CSV file.

    The report has the columns row_number, field, error_type, error_message and raw_value; of personal columns only the
    shape of the value is shown. The form `corrections` holds every refused row as it was sent, personal data and all,
    and beside it what is wrong: correct it and send it to `/v1/batches/{batch_id}/corrections`.
    """
    batch = found_batch(app, batch_id)
    if "text/csv" in request.headers.get("accept", ""):
        is_report = form is Form.REPORT
        return error_file(app, batch.batch_id) if is_report else correction_file(app, batch.batch_id)
    behind = decode_cursor(cursor, int) or 0
    items, more = whole_rows(app.queries, batch.batch_id, limit=limit, after_row=behind)
    return paged(request, items, items[-1].row if more else None)


def error_file(app: App, batch_id: str) -> Stream:
    """All refused values of a batch as a download, in flat memory."""

    async def lines() -> AsyncIterator[bytes]:
        yield to_csv([], header=True)
        pages = error_pages(app.queries, batch_id)
        while page := await asyncio.to_thread(next, pages, None):
            yield to_csv(page)

    name = f"errors-{batch_id[:8]}.csv"
    return Stream(
        lines(),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def correction_file(app: App, batch_id: str) -> Stream:
    """All refused rows of a batch as a download, in flat memory. Raises as `WriteCorrectionFile`."""
    pieces = app.write_correction_file(batch_id)

    async def contents() -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(next, pieces, None):
            yield piece.content

    name = f"corrections-{batch_id[:8]}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Stream(contents(), media_type="text/csv", headers=headers)


def found_batch(app: App, batch_id: UUID) -> BatchShown:
    """The batch. Raises Refused, `batch_unknown`."""
    row = find_batch(app, str(batch_id))
    if row is None:
        fix = "take an id from GET /v1/batches"
        raise Refused("batch_unknown", "there is no such batch", where=f"batch {batch_id}", fix=fix)
    return shown(row)


routes = Router(path="/v1", route_handlers=[upload_batch, list_batches, show_batch, list_errors], tags=["batches"])
