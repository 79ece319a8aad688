"""Signed messages with rows: another system sends what it has, and proves who it is over the body itself."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema
from litestar.params import PathParameter
from multipart import parse_options_header  # type: ignore[import-untyped]  # As in receiving.py.

from dispatch.application.intake.refused import FileRefused
from dispatch.application.intake.signatures import MessageStale, SignatureInvalid, Verification
from dispatch.application.sources.finding import actor, record_finding
from dispatch.domain.source.events import SourceKind
from dispatch.domain.source.state import SourceStatus
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.answers import TheApp, answer_received
from dispatch.entrypoints.http.problem import Refused, documented
from dispatch.entrypoints.http.receiving import Arriving, Options, check_length, chunks_of, content_length
from dispatch.entrypoints.http.shapes import Accepted
from dispatch.entrypoints.http.sources import paused

HEADERS = {
    "webhook-id": "Identifies the message; the same id again is the same message.",
    "webhook-timestamp": "Unix seconds of the sending, at most five minutes from now.",
    "webhook-signature": "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several, separated by spaces.",
}
CHALLENGE = {"WWW-Authenticate": "StandardWebhooks"}
JSON_KINDS = ("application/json", "application/x-ndjson", "application/ndjson", "application/jsonl")


@dataclass
class MessageOperation(Operation):
    """Says in the OpenAPI document what the headers and the body are; the handler reads them itself."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        self.parameters = [
            *(self.parameters or []),
            *(
                Parameter(name=name, param_in="header", required=True, schema=text, description=meaning)
                for name, meaning in HEADERS.items()
            ),
        ]
        row = Schema(type=OpenAPIType.OBJECT)
        array = Schema(type=OpenAPIType.ARRAY, items=row, min_items=1)
        wrapped = Schema(type=OpenAPIType.OBJECT, required=["rows"], properties={"rows": array})
        self.request_body = RequestBody(
            required=True,
            description="The rows, as objects whose keys are headers.",
            content={
                "application/json": OpenAPIMediaType(Schema(any_of=[wrapped, array])),
                "application/x-ndjson": OpenAPIMediaType(text),
            },
        )


@post(
    "/intake/{source:str}",
    operation_id="sendRows",
    operation_class=MessageOperation,
    status_code=202,
    request_max_body_size=None,  # As for uploads, the limit is that of the settings.
    responses=documented(401, 403, 409, 413, 415, 422),
)
async def send_rows(
    request: Request[Any, Any, Any],
    app: TheApp,
    source: Annotated[str, PathParameter(description="Name of the source, as its secret is configured.")],
) -> Response[Accepted]:
    """Send rows as a signed message (Standard Webhooks). 202 when they are new; 200 with the first batch when not."""
    now = datetime.now(UTC)
    message_id, timestamp, signatures = (request.headers.get(name, "") for name in HEADERS)
    try:
        verification = Verification(app.webhook_secrets.get(source, ()), message_id, timestamp, signatures, now)
        kind = parse_options_header(request.headers.get("content-type", ""))[0].lower()
        if kind not in JSON_KINDS:
            fix = f"send it as {' or '.join(JSON_KINDS[:2])}"
            raise Refused("content_type_unsupported", "this is not JSON", where="header Content-Type", fix=fix)
        return await _take(request, app, source, message_id, verification)
    except SignatureInvalid:
        what, fix = "the message is not signed by this source", "sign id.timestamp.body with the secret of the source"
        raise Refused("signature_invalid", what, fix=fix, headers=CHALLENGE) from None
    except MessageStale:
        what, fix = "the message is more than five minutes old, or of the future", "set the clock, and sign it anew"
        raise Refused("message_stale", what, where="header webhook-timestamp", fix=fix, headers=CHALLENGE) from None


async def _take(
    request: Request[Any, Any, Any], app: App, source: str, message_id: str, verification: Verification
) -> Response[Accepted]:
    known = await asyncio.to_thread(app.sources.find, source)
    added = known.added if known and known.added and known.added.kind is SourceKind.WEBHOOK else None
    options = Options(error_threshold_percent=app.settings.error_threshold_percent)
    if added is not None:
        options = Options(profile=added.profile, error_threshold_percent=added.error_threshold_percent)
    file_name = f"{source}-{message_id}.json"
    check_length(content_length(request), app.receive.file_bytes_max)
    arriving = Arriving(app.receive, options)
    try:
        await arriving.begin(file_name)
        refused = await _arrive(request, arriving, verification, app.receive.file_bytes_max)
        verification.finish()
        # Only who signed is told what became of the content.
        if known is not None and known.status is SourceStatus.PAUSED:
            raise paused(source)
        first = await asyncio.to_thread(app.messages.batch_of, source, message_id)
        if first is not None:
            return await answer_received(app, await asyncio.to_thread(app.receive.known, first))
        if refused is not None:
            raise refused
        received = await arriving.complete(actor(source))
        await asyncio.to_thread(app.messages.remember, source, message_id, received.batch_id)
        if added is not None:
            at = datetime.now(UTC)
            await asyncio.to_thread(record_finding, app.ledger, at, source, file_name, received)
        return await answer_received(app, received)
    finally:
        await arriving.discard()


async def _arrive(
    request: Request[Any, Any, Any], arriving: Arriving, verification: Verification, bytes_max: int
) -> FileRefused | None:
    """Take the body to its end, also behind the place where it cannot be rows: the signature is over all of it."""
    refused, size = None, 0
    async for chunk in chunks_of(request):
        size += len(chunk)
        check_length(size, bytes_max)
        verification.update(chunk)
        if refused is None:
            try:
                await arriving.write(chunk)
            except FileRefused as error:
                refused = error
    return refused


routes = Router(path="/v1", route_handlers=[send_rows], tags=["sources"])
