"""The check of known vulnerabilities: some, none, and nobody there to ask; none of them looks like another."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from threading import Thread

import msgspec
import pytest

from dispatch.entrypoints.supervisor.ports import held_port

ROOT = Path(__file__).parents[2]
OURS = ROOT / ".tools" / "bin" / "uv"  # Where make puts it when there is none.
UV = str(OURS) if OURS.exists() else which("uv")
WEAK = "msgspec"


@contextmanager
def osv(*, weak: str) -> Iterator[str]:
    """The API of OSV (https://google.github.io/osv.dev/api/) over one vulnerability of the package that is named."""
    told = {"id": "OSV-TEST-1", "modified": "2026-01-01T00:00:00Z", "summary": "it can be read from afar"}

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
            names = [query["package"]["name"] for query in asked["queries"]]
            self._say({"results": [{"vulns": [told]} if name == weak else {} for name in names]})

        def do_GET(self) -> None:
            self._say(told)

        def _say(self, answer: object) -> None:
            body = msgspec.json.encode(answer)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def audit() -> Callable[..., tuple[int, str]]:
    if UV is None or subprocess.run([UV, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("uv is not here")

    def run(url: str, *more: str) -> tuple[int, str]:
        command = [sys.executable, ROOT / "tools" / "audit.py", "--uv", UV, "--service-url", url, *more]
        environ = os.environ | {"UV_HTTP_RETRIES": "0"}  # It would try again for ten seconds where nobody is.
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    return run


@pytest.mark.acceptance("4.13", part="vulnerability check: what is locked is looked up in OSV")
def test_what_is_known_is_said_and_fails(audit: Callable[..., tuple[int, str]]):
    with osv(weak=WEAK) as url:
        code, said = audit(url, "--allow-unreachable")
    assert code == 1
    assert WEAK in said
    assert "OSV-TEST-1: it can be read from afar" in said


def test_where_nothing_is_known_it_passes(audit: Callable[..., tuple[int, str]]):
    with osv(weak="none-of-ours") as url:
        code, said = audit(url)
    assert code == 0
    assert "no known vulnerabilities" in said
    assert "NOT CHECKED" not in said


def test_where_nobody_can_be_asked_it_says_so(audit: Callable[..., tuple[int, str]]):
    with held_port() as port:
        url = f"http://127.0.0.1:{port}"
        code, said = audit(url)
        assert (code, "NOT CHECKED for known vulnerabilities" in said) == (2, True)
        code, said = audit(url, "--allow-unreachable")
        assert (code, "NOT CHECKED for known vulnerabilities" in said) == (0, True)
