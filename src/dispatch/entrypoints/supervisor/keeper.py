"""Keeps a started system running: a thread starts again whatever has died, role processes and embedded servers."""

import threading
import time
from collections.abc import Callable
from types import TracebackType

import structlog

from dispatch.adapters.embedded.errors import EmbeddedServerError
from dispatch.adapters.embedded.servers import EmbeddedServers
from dispatch.entrypoints.supervisor.children import Children

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.1
PAUSE_AFTER_FAILURE_S = 5.0


class Keeper:
    """Runs while the block runs. A server comes back at its old address, so that everybody reconnects by himself.

    `fit` brings the number of children to what is wanted; it is asked at each look, and must not wait.
    """

    def __init__(
        self, children: Children, servers: EmbeddedServers | None, fit: Callable[[], None] = lambda: None
    ) -> None:
        self._children, self._fit = children, fit
        self._servers = servers.each if servers else ()
        self._over = threading.Event()
        self._again_at = 0.0
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def __enter__(self) -> "Keeper":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            try:
                self._children.pump()
                self._fit()
                if time.monotonic() >= self._again_at:
                    self._revive_servers()
            except Exception:  # Without a keeper nothing would ever be started again.
                log.exception("keeper.failed")
                self._over.wait(PAUSE_AFTER_FAILURE_S)

    def _revive_servers(self) -> None:
        for server in self._servers:
            if server.running():
                continue
            log.warning("server.died", server=server.name)
            try:
                server.start()
                log.info("server.started", server=server.name)
            except EmbeddedServerError as error:
                log.exception("server.not_started", server=server.name, why=str(error))
                self._again_at = time.monotonic() + PAUSE_AFTER_FAILURE_S
