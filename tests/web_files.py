"""A real web server on this machine whose files and answers a test decides."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class WebFiles:
    """What it has by path, what it does instead, and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    breaks_off: set[str] = field(default_factory=set)
    no_marks: bool = False
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def web_files() -> Iterator[WebFiles]:
    """Runs until the end of the block."""
    web = WebFiles()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            web.asked.append((self.path, headers))
            if self.path in web.redirects:
                self.send_response(302)
                self.send_header("Location", web.redirects[self.path])
                self._end(b"")
                return
            content = web.files.get(self.path)
            status = web.statuses.get(self.path, 200 if content is not None else 404)
            etag = f'"{sha256(content or b"").hexdigest()[:16]}"'
            if status == 200 and not web.no_marks and headers.get("if-none-match") == etag:
                self.send_response(304)
                self._end(b"")
                return
            self.send_response(status)
            if not web.no_marks:
                self.send_header("ETag", etag)
            self._end(content or b"", breaks_off=self.path in web.breaks_off)

        def _end(self, content: bytes, *, breaks_off: bool = False) -> None:
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if breaks_off else content)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
