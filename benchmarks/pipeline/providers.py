"""The simulated providers as a process: calm, with the latency of a near provider, or another."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection

from benchmarks.pipeline.work import WARM_UP

LATENCY_MS, FAR_MS = 5, 50


@contextmanager
def providers(jobs: int, latency_ms: int = LATENCY_MS) -> Iterator[str]:
    """The base URL of a fresh simulator. Raises AssertionError at the end unless each job has sent its one message."""
    command = [sys.executable, "-m", "dispatch.adapters.providers.simulator", "--set", f"latency_ms={latency_ms}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().removeprefix("listening on ").strip()
            yield url
            sent = _messages_sent(url.removeprefix("http://"))
            assert sent in (jobs, jobs + WARM_UP), f"{sent} messages were sent for {jobs} jobs"
        finally:
            process.terminate()


def _messages_sent(address: str) -> int:
    with closing(HTTPConnection(address)) as connection:
        connection.request("GET", "/stats")
        return json.load(connection.getresponse())["effects"]
