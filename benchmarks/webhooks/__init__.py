"""Goal `webhooks`: signed webhooks a second, each attempt recorded, beside HTTP clients that only post."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from benchmarks.contest import Contest, Contestant, Goal, Timed
from benchmarks.isolated import isolated
from benchmarks.lab import Lab
from benchmarks.webhooks import bare, ours
from benchmarks.webhooks.sink import sink

TITLE = "Webhooks: signed messages out"
PACKAGES = ("psycopg", "pyreqwest", "aiohttp", "httptools", "uvloop")
PYREQWEST, AIOHTTP = "pyreqwest alone", "aiohttp alone"
"""aiohttp is in the dependency group `bench`, and runs where it is installed: uv sync --group bench."""


def contests(lab: Lab, *, quick: bool) -> Iterator[Contest]:
    """One contest: messages that are due at one endpoint, to the last answer that is recorded."""
    count = 300 if quick else 20_000

    def role() -> Timed:
        with sink() as url, lab.database() as database_url:
            return ours.run(database_url, url, lab.folder, count)

    def client(measure: Callable[[str, int], Timed]) -> Timed:
        with sink() as url:
            return isolated(measure, url, count)

    yield Contest(
        name="signed webhooks",
        unit="messages/s",
        about=(
            f"{count:,} messages to one endpoint over HTTP on this machine, 100 at once, each signed by HMAC-SHA-256."
            " Ours reads events from the ledger, makes messages durable, vets the address, and records every attempt."
        ),
        contestants=[
            Contestant("dispatch, outbox and webhooks", "ours", role, "ledger, queue, signature, post, attempt log"),
            *(
                [Contestant(AIOHTTP, "peer", lambda: client(bare.run_aiohttp), "body, signature, post")]
                if find_spec("aiohttp")
                else []
            ),
            Contestant(PYREQWEST, "limit", lambda: client(bare.run_pyreqwest), "body, signature, post"),
        ],
        goals=[Goal(0.5, (PYREQWEST,), "design P10"), Goal(1.5, (AIOHTTP,), "design P10")],
    )
