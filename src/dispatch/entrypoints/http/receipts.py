"""Delivery receipts that providers send by signed webhook, and what is known of them."""

import asyncio
from collections.abc import Sequence
from time import time
from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from dispatch.application.receipts import ReceiptsShown, Taken
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.paging import Limit
from dispatch.entrypoints.http.problem import Refused, documented
from dispatch.entrypoints.http.receipt_shapes import ReceiptsOperation, read_receipts
from dispatch.entrypoints.http.signatures import Signed
from dispatch.entrypoints.provider_file import Declared
from dispatch.entrypoints.senders import WebhookSender

BYTES_MAX = 1 << 20

TheApp = NamedDependency[SkipValidation[App]]


@post(
    "/receipts/{provider:str}",
    operation_id="receiveReceipts",
    operation_class=ReceiptsOperation,
    status_code=202,
    request_max_body_size=BYTES_MAX,
    responses=documented(401, 404, 413, 422),
)
async def receive_receipts(request: Request[Any, Any, Any], provider: FromPath[str], app: TheApp) -> Response[Taken]:
    """What became of messages, signed by the provider that carries them as Standard Webhooks says.

    The body is one receipt, an array of up to 1,000, or an object with the array `receipts`. All of it is recorded or
    nothing. 202 means that it is kept for good: a repetition is harmless, and a receipt of a message that is not known
    yet waits until it is.
    """
    signed = Signed(_sender(app.providers, provider), request.headers, time())
    body = await request.body()
    signed.write(body)
    signed.check()
    receipts = read_receipts(provider, body)
    return Response(await asyncio.to_thread(app.take_receipts, provider, receipts), status_code=202)


@get("/receipts", operation_id="listReceipts", sync_to_thread=True, responses=documented())
def list_receipts(app: TheApp, limit: Limit = 50) -> ReceiptsShown:
    """How many receipts each provider has sent, by what became of them, and those that wait for their message."""
    return app.take_receipts.shown(limit)


def _sender(declared: Sequence[Declared], name: str) -> WebhookSender:
    for one in declared:
        if one.spec.name == name and one.receipt_secrets:
            return WebhookSender(name=name, profile="", secrets=one.receipt_secrets)
    what, fix = "no provider of this name sends receipts", "give it a receipt_secrets_file in the providers file"
    raise Refused("receipts_unknown", what, where="/v1/receipts/{provider}", fix=fix)


routes = Router(path="/v1", route_handlers=[receive_receipts, list_receipts], tags=["providers"])
