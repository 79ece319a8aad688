"""Posts webhooks by pyreqwest: only https, only to vetted addresses, no redirects, no proxies, within limits."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import ConnectError, RequestError, RequestTimeoutError

from dispatch.adapters.outbound.addresses import AddressGuard, AddressRefused
from dispatch.adapters.providers.http import retry_after_s
from dispatch.application.ports.webhooks import Answer
from dispatch.domain.endpoint.decide import EndpointUrlInvalid
from dispatch.domain.endpoint.state import Endpoint

TOTAL_MAX_S, CONNECT_WITHIN_S = 10.0, 5.0
ANSWER_BYTES_MAX = 64 << 10
EXCERPT_CHARACTERS_MAX = 500
CONNECTIONS_MAX = 100
SETTING = "DISPATCH_ENDPOINT_PRIVATE_HOSTS"


class PyreqwestSender:
    """Implements the port `WebhookSender`. One client an endpoint, bound to the address that was vetted.

    `authorities` are certificates (DER) of authorities that are believed besides those of the system.
    """

    def __init__(self, guard: AddressGuard, timeout_s: float = TOTAL_MAX_S, authorities: Sequence[bytes] = ()) -> None:
        self._guard, self._timeout_s, self._authorities = guard, timeout_s, authorities
        self._clients: dict[str, tuple[str, str, Client]] = {}  # With the URL and the address that they are bound to.

    def check(self, url: str) -> None:
        """Could webhooks be sent there? Raises EndpointUrlInvalid; a name that nobody knows yet may be known later."""
        host, port = self._parts(url)
        try:
            self._guard.address(host, port)
        except AddressRefused as error:
            if error.code == "address_not_allowed":
                raise EndpointUrlInvalid(f"{error.what}: {error.fix}") from error

    async def open(self, endpoint: Endpoint) -> str:
        try:
            host, port = self._parts(endpoint.url)
            address = await asyncio.to_thread(self._guard.address, host, port)
        except EndpointUrlInvalid:
            return "url_not_allowed"  # A setting was narrowed since.
        except AddressRefused as error:
            return error.code
        known = self._clients.get(endpoint.endpoint_id)
        if known is None or known[:2] != (endpoint.url, address):
            # One that was there finishes what it has in flight, and is gone with it: close() would break that off.
            self._clients[endpoint.endpoint_id] = endpoint.url, address, self._client(host, address, port)
        return ""

    async def send(self, endpoint: Endpoint, message_id: str, headers: Mapping[str, str], body: bytes) -> Answer:
        url, _, client = self._clients[endpoint.endpoint_id]  # Never another URL than the one that was vetted.
        request = client.post(url).headers(headers).body_bytes(body).build_streamed()
        began = time.perf_counter()
        try:
            async with request as response:  # Here are the first 64 KiB of the answer, or all of it, within the time.
                status = response.status
                if 200 <= status < 300:
                    return Answer(status=status, took_ms=_since(began))
                said = await response.body_reader.read(ANSWER_BYTES_MAX)
                retry_after = response.get_header("Retry-After")
        except RequestError as error:
            refused = _certificate(error)
            code = "certificate_refused" if refused else _accident(error)
            return Answer(error=code, excerpt=refused[:EXCERPT_CHARACTERS_MAX], took_ms=_since(began))
        error_code = "redirected" if 300 <= status < 400 else f"http_{status}"
        text = bytes(said or b"").decode("utf-8", "replace")
        return Answer(
            status=status,
            error=error_code,
            excerpt="".join(c if c.isprintable() else " " for c in text[:EXCERPT_CHARACTERS_MAX]),
            retry_after_s=retry_after_s(retry_after, datetime.now(UTC)) or 0.0,
            took_ms=_since(began),
        )

    async def close(self) -> None:
        for _, _, client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _client(self, host: str, address: str, port: int) -> Client:
        builder = (
            ClientBuilder()
            .user_agent("dispatch")
            .default_headers({"Content-Type": "application/json", "Accept-Encoding": "identity"})
            .connect_timeout(timedelta(seconds=min(CONNECT_WITHIN_S, self._timeout_s)))
            .timeout(timedelta(seconds=self._timeout_s))
            .max_connections(CONNECTIONS_MAX)
            .pool_max_idle_per_host(CONNECTIONS_MAX)
            .follow_redirects(False)
            .no_proxy()
            .resolve(host, address, port)
        )
        for authority in self._authorities:
            builder = builder.add_root_certificate_der(authority)
        return builder.build()

    def _parts(self, url: str) -> tuple[str, int]:
        """Host and port. Raises EndpointUrlInvalid for what may not be asked."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port, parts = "", None, urlsplit("")
        # Two readers of one URL may differ over these (WHATWG URL, "backslash" and control characters).
        is_odd = "\\" in url or " " in url or not (url.isascii() and url.isprintable())
        if not host or is_odd or parts.scheme not in {"https", "http"}:
            raise EndpointUrlInvalid("write https://host/path")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise EndpointUrlInvalid("it holds a user, a password or a fragment: leave it out")
        if parts.scheme == "http" and not self._guard.names(host):
            raise EndpointUrlInvalid(f"it is not https: use https, or add the host to {SETTING}")
        return host, port or {"https": 443, "http": 80}[parts.scheme]


def _certificate(error: Exception) -> str:
    """What is wrong with the certificate of the receiver; empty where it was something else."""
    if not isinstance(error, ConnectError):
        return ""
    said = (cause["message"] for cause in error.details["causes"] or ())
    return next((text for text in said if text.startswith("invalid peer certificate")), "")


def _accident(error: Exception) -> str:
    if isinstance(error, RequestTimeoutError):
        return "timeout"
    return "connection_refused" if isinstance(error, ConnectError) else "connection_lost"


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
