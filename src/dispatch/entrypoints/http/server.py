"""The HTTP server of the API role: our own uvicorn, which takes no signals and ends live streams before it closes."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.app import create_http

BACKLOG = 2048
KEEP_ALIVE_S = 30
GRACE_LEFT_S = 2.0
"""Left of the grace for what comes behind the last answer."""

log = structlog.get_logger(__name__)


class CannotListen(Exception):
    """The address cannot be had; says why, and what to do."""


async def serve(
    app: App,
    *,
    stop: asyncio.Event,
    nats_check: Callable[[], Awaitable[str]] | None,
    on_started: Callable[[str], None],
) -> None:
    """Serve until `stop`, then drain: streams end, requests finish, within `settings.shutdown_grace_s`.

    Args:
        app: the use cases.
        stop: set by whoever handles the signals.
        nats_check: as `create_http`.
        on_started: told the base URL once connections are accepted.

    Raises:
        CannotListen: the port is taken, or not ours to take.
    """
    settings = app.settings
    draining = asyncio.Event()
    listener = _listen(settings.http_host, settings.http_port)
    config = uvicorn.Config(
        create_http(app, nats_check=nats_check, draining=draining),
        loop="none",  # We run on the loop of the process.
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # Who is believed is a setting of ours; uvicorn would believe anybody on this machine.
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, int(settings.shutdown_grace_s - GRACE_LEFT_S)),
    )
    url = _base_url(settings.http_host, listener)
    server = _Server(config, on_started=lambda: on_started(url))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        log.info("http.draining", connections=len(server.server_state.connections))
        draining.set()
        server.should_exit = True
        await serving
        if cut_off := set(server.server_state.tasks):  # Cancelled, but not waited for: they still clean up.
            await asyncio.wait(cut_off, timeout=GRACE_LEFT_S / 2)
    finally:
        stopping.cancel()
        listener.close()
    log.info("http.stopped")


class _Server(uvicorn.Server):
    """Without signal handlers: the process has its own."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only for sockets that name it: 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise CannotListen(
            f"cannot listen on {host} port {port} ({reason}): stop what uses it, or set DISPATCH_HTTP_PORT"
            " (0 takes any free port)"
        ) from error
    return listener


def _base_url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared, not bound
    return f"http://{shown}:{port}"
