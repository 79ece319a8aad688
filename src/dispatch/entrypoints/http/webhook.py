"""Rows that another system sends by signed webhook: one request is one batch, the same request again the same one."""

import asyncio
from collections.abc import Mapping
from time import time
from typing import Any

from litestar import Request, Response, Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from dispatch.application.intake.json_rows import WHOLE_BYTES_MAX
from dispatch.application.intake.profiles import profile_named
from dispatch.application.intake.receive import Received, Upload
from dispatch.application.sources.finding import record_finding
from dispatch.domain.source.state import SourceStatus
from dispatch.entrypoints.http.batches import TheApp, accepted
from dispatch.entrypoints.http.problem import Refused, documented
from dispatch.entrypoints.http.receiving import Arriving, Options, chunks_of, declared_length
from dispatch.entrypoints.http.shapes import Accepted
from dispatch.entrypoints.http.signatures import Signed
from dispatch.entrypoints.http.sources import paused
from dispatch.entrypoints.senders import WebhookSender

Senders = NamedDependency[SkipValidation[Mapping[str, WebhookSender]]]


@post(
    "/intake/{sender:str}",
    operation_id="receiveRows",
    status_code=202,
    request_max_body_size=None,  # Bounded below, as it comes.
    responses=documented(401, 409, 413, 422),
)
async def receive_rows(
    request: Request[Any, Any, Any], sender: FromPath[str], app: TheApp, senders: Senders
) -> Response[Accepted]:
    """Rows as JSON, signed as Standard Webhooks says, under the profile that the server has for this sender.

    The body is one object a line, an array of objects, or an object with the array `rows`, at most 32 MiB. 202 when it
    is new; 200 with the first batch when the same body was received before, as retries are.
    """
    known = senders.get(sender)
    signed = Signed(known, request.headers, time())
    if declared_length(request) > WHOLE_BYTES_MAX:
        raise _too_large()
    options = Options(
        profile=known.profile if known else "", error_threshold_percent=app.settings.error_threshold_percent
    )
    length = 0

    def begin(_: Options) -> Upload:
        return app.receive.begin(profile_named(options.profile))

    def complete(upload: Upload, name: str, _: Options) -> Received:
        percent = options.error_threshold_percent
        return app.receive.complete(
            upload, profile_named(options.profile), name, error_threshold_percent=percent, by=f"webhook:{sender}"
        )

    file_name = f"{sender}-{''.join(filter(str.isalnum, signed.message_id))[:60]}.json"
    arriving = Arriving(begin, complete, options)
    try:
        await arriving.begin(file_name)
        async for chunk in chunks_of(request):
            length += len(chunk)
            if length > WHOLE_BYTES_MAX:
                raise _too_large()
            signed.write(chunk)
            await arriving.write(chunk)
        signed.check()
        source = await asyncio.to_thread(app.sources.find, sender)
        if source is not None and source.status is SourceStatus.PAUSED:
            raise paused(sender)  # Only who signed is told.
        received = await arriving.complete()
        if source is not None:
            await asyncio.to_thread(record_finding, app.ledger, app.receive.clock(), sender, file_name, received)
    finally:
        await arriving.discard()
    return await asyncio.to_thread(accepted, app, received)


def _too_large() -> Refused:
    what = f"the request holds more than {WHOLE_BYTES_MAX:,} bytes"
    return Refused("file_too_large", what, where="request body", fix="send fewer rows a request")


routes = Router(path="/v1", route_handlers=[receive_rows], tags=["intake"])
