"""Rows that another system sends by signed webhook: one request is one batch, the same request again the same one.

Two forms of signature come through this door: Standard Webhooks, and the older header X-Webhook-Signature.
"""

import asyncio
from collections.abc import Mapping
from time import time
from typing import Any

import msgspec
from litestar import Request, Response, Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from dispatch.application.intake.json_rows import WHOLE_BYTES_MAX
from dispatch.application.intake.layout import BOM
from dispatch.application.intake.profiles import profile_named
from dispatch.application.intake.receive import Received, Upload
from dispatch.application.intake.receive_webhook import ReceiveWebhook
from dispatch.application.intake.refused import FileRefused
from dispatch.application.sources.finding import record_finding
from dispatch.domain.source.state import SourceStatus
from dispatch.entrypoints.http.batches import TheApp, accepted
from dispatch.entrypoints.http.classic_signature import SIGNATURE, ClassicallySigned
from dispatch.entrypoints.http.problem import Refused, documented
from dispatch.entrypoints.http.receiving import Arriving, Options, chunks_of, declared_length
from dispatch.entrypoints.http.shapes import Accepted
from dispatch.entrypoints.http.signatures import Signed
from dispatch.entrypoints.http.sources import paused
from dispatch.entrypoints.senders import WebhookSender

Senders = NamedDependency[SkipValidation[Mapping[str, WebhookSender]]]

NOT_JSON = frozenset({"file_empty", "json_malformed", "encoding_not_utf8", "nul_byte"})
"""What a file is refused for that is not JSON at all."""


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """The answer in the older form; `id` is that of the batch, `status` is `queued`, or `duplicate` for a repeat."""

    status: str
    id: str


@post(
    "/intake/{sender:str}",
    operation_id="receiveRows",
    status_code=202,
    request_max_body_size=None,  # Bounded below, as it comes.
    responses=documented(401, 409, 413, 422),
)
async def receive_rows(
    request: Request[Any, Any, Any], sender: FromPath[str], app: TheApp, senders: Senders
) -> Response[Accepted] | Response[Queued]:
    """Rows as JSON, signed, under the profile that the server has for this sender, or type of message.

    The body is one object a line, an array of objects, an object with the array `rows`, or a single object; at most
    32 MiB. 202 when it is new; 200 with the first batch when the same body was received before, as retries are.
    Signed as Standard Webhooks says, the answer is the batch; with the header X-Webhook-Signature it is the `status`
    and the `id` of the batch.
    """
    known, is_classic = senders.get(sender), SIGNATURE in request.headers
    signed = (ClassicallySigned if is_classic else Signed)(known, request.headers, time())
    if declared_length(request) > WHOLE_BYTES_MAX:
        raise _too_large()
    options = Options(
        profile=known.profile if known else "", error_threshold_percent=app.settings.error_threshold_percent
    )

    def begin(_: Options) -> Upload:
        return app.receive.begin(profile_named(options.profile))

    def complete(upload: Upload, name: str, _: Options) -> Received:
        return ReceiveWebhook(app.receive)(
            upload,
            profile_named(options.profile),
            name,
            kind=sender,
            message_id=signed.message_id,
            sent_at=signed.sent_at,
            error_threshold_percent=options.error_threshold_percent,
        )

    label = "".join(filter(str.isalnum, signed.message_id))[:60]
    file_name = f"{sender}-{label}.json" if label else f"{sender}.json"
    arriving = Arriving(begin, complete, options)
    try:
        await arriving.begin(file_name)
        await _read(request, signed, arriving)
        source = await asyncio.to_thread(app.sources.find, sender)
        if source is not None and source.status is SourceStatus.PAUSED:
            raise paused(sender)  # Only who signed is told.
        received = await arriving.complete()
        if source is not None:
            await asyncio.to_thread(record_finding, app.ledger, app.receive.clock(), sender, file_name, received)
    except FileRefused as error:
        if error.code in NOT_JSON:
            raise _not_json(error.what) from None
        raise
    finally:
        await arriving.discard()
    return _queued(received) if is_classic else await asyncio.to_thread(accepted, app, received)


async def _read(
    request: Request[Any, Any, Any], signed: Signed | ClassicallySigned, arriving: Arriving[Received]
) -> None:
    """The body to its end; what is wrong with it, only who signed it is told. Raises Refused, FileRefused."""
    length, head = 0, b""
    refusal: FileRefused | None = None
    async for chunk in chunks_of(request):
        length += len(chunk)
        if length > WHOLE_BYTES_MAX:
            raise _too_large()
        signed.write(chunk)
        head = head or chunk.removeprefix(BOM).lstrip()[:1]
        if refusal is None:
            try:
                await arriving.write(chunk)
            except FileRefused as error:
                refusal = error
    signed.check()
    if head not in (b"{", b"["):
        raise _not_json("it begins with no { or [")
    if refusal is not None:
        raise refusal


def _queued(received: Received) -> Response[Queued]:
    status, code = ("duplicate", 200) if received.duplicate else ("queued", 202)
    location = f"/v1/batches/{received.batch_id}"
    return Response(Queued(status=status, id=received.batch_id), status_code=code, headers={"Location": location})


def _not_json(what: str) -> Refused:
    fix = 'send one object a line, an array of objects, {"rows": [...]}, or a single object'
    return Refused("json_invalid", f"the body is not JSON: {what}", where="request body", fix=fix)


def _too_large() -> Refused:
    what = f"the request holds more than {WHOLE_BYTES_MAX:,} bytes"
    return Refused("file_too_large", what, where="request body", fix="send fewer rows a request")


routes = Router(path="/v1", route_handlers=[receive_rows], tags=["intake"])
