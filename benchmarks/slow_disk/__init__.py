"""Goal `slow_disk`: single events on a disk whose fsync takes a millisecond longer, as in a cloud."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.append import single
from benchmarks.append.tables import ISSUE
from benchmarks.contest import Contest, Goal
from benchmarks.lab import Lab
from benchmarks.slow_disk.shim import build, slow, slow_fdatasync_us

TITLE = "Slow disk: group commit where each fsync takes a millisecond longer"
PACKAGES = ("psycopg", "eventsourcing", "msgspec", "uvloop")
ADDED_US = 1_000
GOALS = (Goal(25, single.PEERS, ISSUE),)


class SlowLab(Lab):
    """A lab whose Postgres has the slow disk. Raises LabMissing when it is entered and there is no compiler."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._fdatasync_us = 0.0

    def __enter__(self) -> "SlowLab":
        library = build(self.folder)
        with slow(library, ADDED_US):
            self._fdatasync_us = slow_fdatasync_us(self.folder)
            if self._fdatasync_us < ADDED_US:
                raise RuntimeError(f"the shim has no effect: an fdatasync takes {self._fdatasync_us:.0f} µs")
            super().__enter__()
        return self

    def settings(self) -> dict[str, str]:
        """Those of the server, and what an fdatasync takes there."""
        return {"fdatasync in Postgres": f"{self._fdatasync_us:.0f} µs", **super().settings()}


LAB = SlowLab


def contests(lab: Lab, *, quick: bool) -> Iterator[Contest]:
    """The one contest of this goal."""
    yield single.contest(lab, count=2_000 if quick else 40_000, count_stock=100 if quick else 1_500, goals=GOALS)
