"""A proxy before Postgres' unix socket that loses replies: the request is carried out, nobody hears of it."""

import contextlib
import select
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

_SOCKET = ".s.PGSQL.5432"
_CHUNK_BYTES = 1 << 20


class LossyProxy:
    """Forwards connections, each in its own thread; `loses` is asked about every piece of every request."""

    def __init__(self, server: str, listener: socket.socket, loses: Callable[[bytes], bool]) -> None:
        self.lost = 0
        self._server, self._listener, self._loses = server, listener, loses

    def serve(self) -> None:
        """Until the listener is shut down."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(self._server)
            doomed = False
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if server in ready:
                    reply = server.recv(_CHUNK_BYTES)
                    if doomed:  # Postgres has answered, so it has committed; nobody will hear of it.
                        self.lost += 1
                        return
                    if not reply:
                        return
                    client.sendall(reply)
                if client in ready:
                    request = client.recv(_CHUNK_BYTES)
                    if not request:
                        return
                    doomed = doomed or self._loses(request)
                    server.sendall(request)


@contextmanager
def lossy_proxy(url: str, loses: Callable[[bytes], bool]) -> Iterator[tuple[str, LossyProxy]]:
    """The URL of the same database behind a proxy, and the proxy."""
    parts = urlsplit(url)
    [folder] = parse_qs(parts.query)["host"]
    with tempfile.TemporaryDirectory(prefix="proxy-", dir="/tmp") as own, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(Path(own, _SOCKET)))
        listener.listen(64)
        proxy = LossyProxy(str(Path(folder, _SOCKET)), listener, loses)
        accepting = threading.Thread(target=proxy.serve, daemon=True)
        accepting.start()
        try:
            yield urlunsplit(parts._replace(query=f"host={quote(own, safe='')}&port=5432")), proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
