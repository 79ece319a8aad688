"""What every answer carries, whichever way it was made: request id, security headers, and its place in the metrics."""

import re
import time
import uuid
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from dispatch.entrypoints.http.metrics import Metrics

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SECURITY_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}", re.ASCII)
_KEY = "dispatch_request_id"


def request_id(scope: Scope) -> str:
    """The id of this request: the caller's X-Request-Id where it is a plain one, otherwise ours."""
    return str(scope["state"].get(_KEY, ""))


class Envelope:
    """The outermost layer. A middleware of the framework would not see the requests that match no route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        identity = _identity(scope["headers"])
        scope.setdefault("state", {})[_KEY] = identity
        method, started, status = str(scope.get("method", "")), time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_ours(list(message["headers"]), identity)
            await send(message)

        try:
            with bound_contextvars(request_id=identity):
                await self._app(scope, receive, send_with_headers)
        finally:
            template: Any = scope.get("path_template")
            self._metrics.count(method, str(template or "unmatched"), status, time.perf_counter() - started)


def _identity(headers: Any) -> str:  # noqa: ANN401 - ASGI's pairs of bytes
    given = next((value for name, value in headers if name == b"x-request-id"), b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _with_ours(headers: list[tuple[bytes, bytes]], identity: str) -> list[tuple[bytes, bytes]]:
    headers += [*SECURITY_HEADERS, (b"x-request-id", identity.encode())]
    if not any(name.lower() == b"cache-control" for name, _ in headers):
        headers.append((b"cache-control", b"no-store"))
    return headers
