"""Goal `append`: single events, new jobs in bulk, batched transitions; each beside the stock library and a limit."""

from collections.abc import Iterator

from benchmarks.append import bulk, next_steps, single, transitions
from benchmarks.contest import Contest
from benchmarks.lab import Lab

TITLE = "Append: our ledger beside the stock library and the limits"
PACKAGES = ("psycopg", "eventsourcing", "msgspec", "uvloop")


def contests(lab: Lab, *, quick: bool) -> Iterator[Contest]:
    """The contests of this goal."""
    yield single.contest(lab, count=2_000 if quick else 60_000, count_stock=100 if quick else 2_500)
    yield bulk.contest(lab, count=5_000 if quick else 100_000)
    yield transitions.contest(lab, count=1_000 if quick else 10_000, count_stock=50 if quick else 2_000)
    yield next_steps.contest(lab, count=1_000 if quick else 10_000)
