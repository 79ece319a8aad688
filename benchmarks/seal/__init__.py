"""Goal `seal`: sealing and verifying beside reading and hashing alone; what appends pay for a sealer beside them."""

from collections.abc import Iterator

from benchmarks.contest import Contest
from benchmarks.lab import Lab
from benchmarks.seal import beside, sealing

TITLE = "Seal: what the evidence costs"
PACKAGES = ("psycopg", "msgspec", "cryptography", "uvloop")


def contests(lab: Lab, *, quick: bool) -> Iterator[Contest]:
    """The three contests of this goal."""
    events = 20_000 if quick else 500_000
    yield sealing.sealing(lab, events)
    yield sealing.verifying(lab, events)
    yield beside.contest(lab, count=4_000 if quick else 120_000)
