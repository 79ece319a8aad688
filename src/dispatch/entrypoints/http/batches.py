"""Batches over HTTP: send a file, see what became of it, fetch what was refused."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from dispatch.application.ports.queries import RowErrorRow
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.answers import TheApp, answer_received
from dispatch.entrypoints.http.error_report import error_pages, to_csv, whole_rows
from dispatch.entrypoints.http.paging import Cursor, Limit, Page, decode_cursor, paged
from dispatch.entrypoints.http.problem import Refused, documented
from dispatch.entrypoints.http.receiving import WORKBOOK, Options, receive_upload
from dispatch.entrypoints.http.shapes import Accepted, BatchDetail, BatchShown, detailed, find_batch, shown

ACTOR = "api"

Threshold = Annotated[
    int | None,
    QueryParameter(ge=0, le=100, description="Error budget in whole per cent; without it the server's setting."),
]


@dataclass
class UploadOperation(Operation):
    """Says in the OpenAPI document what the body may be; the handler reads it as a stream."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING, description="CSV in UTF-8 with a header line")
        lines = Schema(type=OpenAPIType.STRING, description="One JSON object a line, in UTF-8; keys are headers")
        row = Schema(type=OpenAPIType.OBJECT)
        array = Schema(type=OpenAPIType.ARRAY, items=row, min_items=1)
        workbook = Schema(type=OpenAPIType.STRING, description="A workbook; its first visible sheet")
        form = Schema(
            type=OpenAPIType.OBJECT,
            required=["file"],
            properties={
                "file": Schema(type=OpenAPIType.STRING, description="Any of the formats below."),
                "profile": Schema(type=OpenAPIType.STRING, description="Before the file."),
                "error_threshold_percent": Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=100),
                "force": Schema(type=OpenAPIType.BOOLEAN),
            },
        )
        self.request_body = RequestBody(
            required=True,
            description="The file: as the field `file` of a form, or bare. The name of a bare one may be given in"
            " X-File-Name or Content-Disposition.",
            content={
                "multipart/form-data": OpenAPIMediaType(form),
                "text/csv": OpenAPIMediaType(text),
                "application/x-ndjson": OpenAPIMediaType(lines),
                "application/json": OpenAPIMediaType(array),
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
) -> Response[Accepted]:
    """Send a file. 202 when it is new; 200 with the first batch when the same content was received before."""
    budget = app.settings.error_threshold_percent if error_threshold_percent is None else error_threshold_percent
    options = Options(profile=profile, error_threshold_percent=budget, force=force)
    received = await receive_upload(request, app.receive, options, ACTOR)
    return await answer_received(app, received)


@get("/batches", operation_id="listBatches", sync_to_thread=True, responses=documented())
def list_batches(
    request: Request[Any, Any, Any], app: TheApp, limit: Limit = 50, cursor: Cursor = ""
) -> Response[Page[BatchShown]]:
    """Batches, newest first."""
    rows = app.queries.batches(limit=limit + 1, before=decode_cursor(cursor, datetime))
    items = [shown(row) for row in rows[:limit]]
    return paged(request, items, items[-1].received_at if len(rows) > limit else None)


@get("/batches/{batch_id:uuid}", operation_id="getBatch", sync_to_thread=True, responses=documented(404))
def show_batch(batch_id: FromPath[UUID], app: TheApp) -> BatchDetail:
    """One batch: what its intake came to, how long that took, and how its jobs pass through the stages."""
    return detailed(_found(app, batch_id), app.queries.stage_progress(str(batch_id)))


@get(
    "/batches/{batch_id:uuid}/errors",
    operation_id="listBatchErrors",
    sync_to_thread=True,
    responses=documented(404),
)
def list_errors(
    request: Request[Any, Any, Any], batch_id: FromPath[UUID], app: TheApp, limit: Limit = 50, cursor: Cursor = ""
) -> Response[Page[RowErrorRow]] | Stream:
    """The refused values in the order of the rows; with `Accept: text/csv` all of them as one CSV file.

    The file has the columns row_number, field, error_type, error_message and raw_value; of personal columns only the
    shape of the value is shown.
    """
    batch = _found(app, batch_id)
    if "text/csv" in request.headers.get("accept", ""):
        return error_file(app, batch.batch_id)
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


def _found(app: App, batch_id: UUID) -> BatchShown:
    row = find_batch(app, str(batch_id))
    if row is None:
        fix = "take an id from GET /v1/batches"
        raise Refused("batch_unknown", "there is no such batch", where=f"batch {batch_id}", fix=fix)
    return shown(row)


routes = Router(path="/v1", route_handlers=[upload_batch, list_batches, show_batch, list_errors], tags=["batches"])
