"""What the HTTP providers share: the client, one call, and how accidents become the errors of the port."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec
from pyreqwest.bytes import Bytes
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import ClientClosedError, ConnectError, DecodeError, RequestError, RequestTimeoutError
from pyreqwest.http import Url
from pyreqwest.request import ConsumedRequest
from pyreqwest.response import Response

from dispatch.adapters.providers.words import fit_for_the_ledger
from dispatch.application.ports.providers import ProviderRefused, ProviderUnavailable

TIMEOUT_S = 10.0  # acceptance S.03
CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")

NOTHING_DONE = frozenset({408, 425, 429, 503})
"""Statuses by which a server says that it did not take the request up (RFC 9110, 15.5.9 and 15.6.4, RFC 8470, 6585)."""

# What decoding garbage may raise: MsgspecError and UnicodeDecodeError are ValueErrors; brackets may nest without end.
UNREADABLE = (ValueError, RecursionError)

Answer = TypeVar("Answer")


class _Problem(msgspec.Struct):
    """What a provider says beside an error: its `detail` is that of RFC 9457."""

    code: str = ""
    message: str = ""
    detail: str = ""


class _ErrorInside(msgspec.Struct):
    """What a provider says that answers 200 and means an error."""

    result: str
    error: str = ""


_problem = msgspec.json.Decoder(_Problem)
_error_inside = msgspec.json.Decoder(_ErrorInside)


def build_client(connections_max: int = 64, timeout_s: float = TIMEOUT_S) -> Client:
    """A client with its own pool, to be shared by the calls to one provider; close it, or use it as `async with`.

    A call waits for a free connection before its time runs: our own queue is not the provider's accident. Redirects are
    not followed and proxies of the environment not used, so that a message goes where the settings say, or nowhere.
    """
    return (
        ClientBuilder()
        .user_agent("dispatch")
        .timeout(timedelta(seconds=timeout_s))
        .max_connections(connections_max)
        .pool_max_idle_per_host(connections_max)
        .follow_redirects(False)
        .no_proxy()
        .build()
    )


def endpoint(base_url: str, path: str) -> Url:
    """The absolute URL of one endpoint. Raises ValueError for a base that is no absolute http(s) URL."""
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(f"base_url must be absolute, like https://api.example.com, not {base_url!r}")
    return Url(f"{base_url.rstrip('/')}/{path}")


def bearer(api_key: str) -> dict[str, str]:
    """The headers that carry the key (RFC 6750); none without a key. Raises ValueError, which does not repeat it."""
    if not (api_key.isascii() and api_key.isprintable()):
        raise ValueError("api_key must be printable ASCII: look for a line break at its end")
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


async def call(
    request: ConsumedRequest,
    answers: msgspec.json.Decoder[Answer],
    *,
    secret: str = "",
    about: Iterable[str] = (),
) -> Answer:
    """Send the request, and decode what comes back. No word of `about`, nor of the secret, comes back in an error.

    Raises:
        ProviderUnavailable: `timeout`, `connection_refused`, `connection_lost`, `rate_limited`, `server_error` or
            `garbage`.
        ProviderRefused: `bad_credentials`, the `code` of the answer, or `http_404` and the like; never holds `secret`.
    """
    failure: ProviderUnavailable | ProviderRefused
    try:
        response = await request.send()
        body = await response.bytes()
    except ClientClosedError:
        raise  # We closed it ourselves: nothing is known about the provider.
    except RequestError as error:
        accident = _accident(error)
        failure = ProviderUnavailable(accident, no_effect=accident == "connection_refused")
    else:
        if 200 <= response.status < 300:
            try:
                return answers.decode(body)
            except UNREADABLE:
                failure = _failure_inside(body)
        else:
            failure = _failure(response, body, secret, about)
    # Raised out here on purpose: the client's errors quote the whole URL, key included, and would travel as context.
    raise failure


def _accident(error: RequestError) -> str:
    if isinstance(error, RequestTimeoutError):
        return "timeout"
    if isinstance(error, DecodeError):
        return "garbage"
    # The client says ConnectError both when nobody listens and when a connection breaks under a request.
    causes = error.details["causes"] or []
    if isinstance(error, ConnectError) and any("(Connect)" in cause["message"] for cause in causes):
        return "connection_refused"
    return "connection_lost"


def _failure(
    response: Response, body: Bytes, secret: str, about: Iterable[str]
) -> ProviderUnavailable | ProviderRefused:
    status, problem = response.status, _Problem()
    with suppress(*UNREADABLE):
        problem = _problem.decode(body)
    message = fit_for_the_ledger(problem.message or problem.detail, (*about, secret))
    if status in (408, 425, 429) or status >= 500:
        code = {408: "timeout", 429: "rate_limited"}.get(status, "server_error")
        wait_s = retry_after_s(response.get_header("Retry-After"), datetime.now(UTC))
        return ProviderUnavailable(code, wait_s, no_effect=status in NOTHING_DONE, message=message)
    fallback = "bad_credentials" if status == 401 else f"http_{status}"
    code = problem.code
    fits = CODE.fullmatch(code) and not (secret and secret in code)
    return ProviderRefused(code if fits else fallback, message)


def _failure_inside(body: Bytes) -> ProviderUnavailable | ProviderRefused:
    """An answer of the wrong shape: an error in disguise, or garbage."""
    try:
        inside = _error_inside.decode(body)
    except UNREADABLE:
        return ProviderUnavailable("garbage")
    if inside.result != "error":
        return ProviderUnavailable("garbage")
    # Providers word it "Invalid API key", "apikey not found", "bad_credentials".
    words = re.sub(r"[^a-z]", "", inside.error.lower())
    if "apikey" in words or "credentials" in words:
        return ProviderRefused("bad_credentials")
    return ProviderUnavailable("server_error")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a `Retry-After` header in either form (RFC 9110, section 10.2.3); None if unreadable."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
