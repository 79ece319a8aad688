"""Files of other servers: asked for only what changed, within limits, and from no address that is not allowed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
from pyreqwest.client import SyncClient, SyncClientBuilder
from pyreqwest.exceptions import RequestError, RequestTimeoutError
from pyreqwest.response import SyncResponse

from dispatch.adapters.sources.addresses import Allowed
from dispatch.application.ports.sources import LookFailed

CONNECT_WITHIN_S, SILENT_MAX_S, TOTAL_MAX_S = 10, 30, 900
REDIRECTS_MAX = 5
PIECE_BYTES = 1 << 18
MARK_CHARACTERS_MAX = 1_000
_MOVED = frozenset({301, 302, 303, 307, 308})


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the server calls the version that was fetched last (RFC 9110, sections 8.8.2 and 8.8.3)."""

    etag: str = ""
    modified: str = ""


class FetchedFile:
    """Implements the port `FoundFile` on an answer whose body is still to be read."""

    def __init__(self, name: str, response: SyncResponse) -> None:
        self.name, self._response = name, response
        mark = Mark(response.get_header("etag") or "", response.get_header("last-modified") or "")
        text = msgspec.json.encode(mark).decode() if mark != Mark() else ""
        self.mark = text if len(text) <= MARK_CHARACTERS_MAX else ""

    def chunks(self) -> Iterator[bytes]:
        reader, length, read = self._response.body_reader, self._response.get_header("content-length"), 0
        try:
            while (chunk := reader.read(PIECE_BYTES)) is not None:
                read += len(chunk)
                yield bytes(chunk)
        except RequestError as error:
            raise _accident(error) from None
        if length is not None and length.isdecimal() and int(length) != read:
            raise LookFailed("connection_lost", "the answer broke off", "nothing: it is asked for again")


class Web:
    """Asks servers. One client a request, because each is bound to the address that was judged."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed

    def check(self, location: str) -> None:
        """Could this be asked? Nobody is asked yet. Raises LookFailed."""
        self._parts(location)

    @contextmanager
    def fetch(self, location: str, mark: str) -> Iterator[FetchedFile | None]:
        """What is there; None where the server says that it is what `mark` tells of."""
        known = msgspec.json.decode(mark, type=Mark) if mark else Mark()
        url = location
        for _ in range(REDIRECTS_MAX + 1):
            host, port = self._parts(url)
            address = self._allowed.address(host, port)
            with _client(host, address, port) as client, _answer(client, url, known) as response:
                if response.status in _MOVED and (target := response.get_header("location")):
                    url = urljoin(url, target)
                    continue
                if response.status == 304:
                    yield None
                elif response.status == 200:
                    yield FetchedFile(_name(url), response)
                else:
                    what, fix = f"the server answered {response.status}", "check the address, and the server"
                    raise LookFailed(f"http_{response.status}", what, fix)
                return
        fix = "name the address that it ends at"
        raise LookFailed("too_many_redirects", f"the server redirects more than {REDIRECTS_MAX} times", fix)

    def _parts(self, url: str) -> tuple[str, int]:
        """Host and port. Raises LookFailed for what may not be asked."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or parts.scheme not in {"https", "http"}:
            raise LookFailed("url_invalid", "this is no https address", "write https://host/path")
        if parts.username is not None or parts.password is not None:
            fix = "give the server another way to know who asks: addresses are recorded in the ledger"
            raise LookFailed("url_invalid", "the address holds a user or a password", fix)
        if parts.scheme == "http" and not self._allowed.names(host):
            fix = "use https, or add the host to DISPATCH_SOURCE_PRIVATE_HOSTS"
            raise LookFailed("url_invalid", "the address is not https", fix)
        return host, port or {"https": 443, "http": 80}[parts.scheme]


def _client(host: str, address: str, port: int) -> SyncClient:
    return (
        SyncClientBuilder()
        .user_agent("dispatch")
        .connect_timeout(timedelta(seconds=CONNECT_WITHIN_S))
        .read_timeout(timedelta(seconds=SILENT_MAX_S))
        .timeout(timedelta(seconds=TOTAL_MAX_S))
        .follow_redirects(False)
        .no_proxy()
        .resolve(host, address, port)
        .build()
    )


@contextmanager
def _answer(client: SyncClient, url: str, known: Mark) -> Iterator[SyncResponse]:
    request = client.get(url).header("Accept-Encoding", "identity")  # The bytes as they are kept, and no bombs.
    if known.etag:
        request = request.header("If-None-Match", known.etag)
    if known.modified:
        request = request.header("If-Modified-Since", known.modified)
    streamed = request.build_streamed()
    try:
        response = streamed.__enter__()
    except RequestError as error:
        raise _accident(error) from None
    try:
        yield response
    finally:
        streamed.__exit__(None, None, None)


def _accident(error: RequestError) -> LookFailed:
    """Without the client's words, which quote the whole address."""
    if isinstance(error, RequestTimeoutError):
        return LookFailed("timeout", "the server did not answer in time", "nothing: it is asked again")
    return LookFailed("connection_lost", "the server cannot be reached, or broke off", "check that it runs")


def _name(url: str) -> str:
    last = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    return "".join(filter(str.isprintable, last))[:200] or urlsplit(url).hostname or "download"
