"""Goal `intake`: a CSV file to durable jobs, judging its rows alone, and how soon a hopeless file is refused."""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from benchmarks.contest import Contest, Contestant, Goal, SeenGoal, Timed
from benchmarks.intake import naive, ours, raw
from benchmarks.intake.sample import write_sample
from benchmarks.isolated import isolated
from benchmarks.lab import Lab
from dispatch.adapters.postgres.migrate import migrate

TITLE = "Intake: a CSV file to durable jobs"
PACKAGES = ("psycopg", "msgspec", "cryptography", "phonenumberslite", "email-validator", "polars", "pyarrow")
BAD, HOPELESS = 0.02, 0.33

PEAK_MB_MAX = 250.0
PLAIN = "... the same with persons unencrypted"
COPIED = "raw COPY of the file"
STREAMED = "stream-events7: Arrow, polars, COPY"
TO_THE_END = "... judging it to its end"


def contests(lab: Lab, *, quick: bool) -> Iterator[Contest]:
    """Each on a file of its own; the million rows are not part of a quick run."""
    rows = 2_000 if quick else 100_000
    small = _File(lab.folder, rows, BAD)
    yield _durable(lab, small, "file to durable jobs")
    if not quick:
        yield _durable(lab, _File(lab.folder, 1_000_000, BAD), "a million rows to durable jobs", beside=small)
    yield _judging(small)
    yield _refusing(_File(lab.folder, 40_000 if quick else 200_000, HOPELESS))


class _File:
    """A sample, written when it is first asked for."""

    def __init__(self, folder: Path, rows: int, bad: float) -> None:
        self.rows, self.bad = rows, bad
        self._path = folder / f"jobs-{rows}-{bad}.csv"
        self._written = cache(lambda: write_sample(self._path, rows, bad))

    @property
    def path(self) -> Path:
        self._written()
        return self._path

    @property
    def good(self) -> int:
        return self._written()

    @property
    def about(self) -> str:
        return f"{self.rows:,} rows, {self.bad:.0%} of them invalid."


def _durable(lab: Lab, file: _File, name: str, beside: _File | None = None) -> Contest:
    """Receiving, judging and admitting; where there is a smaller file `beside`, its peak of memory is shown too."""

    def ours_on(one: _File, *, encrypted: bool) -> Timed:
        with lab.database("ledger", migrate) as url:
            return isolated(ours.to_durable_jobs, url, one.path, one.good, encrypted, memory=True)

    def durable() -> Timed:
        timed = ours_on(file, encrypted=True)
        if beside is not None:
            timed.seen[f"peak_mb of {beside.rows:,}"] = ours_on(beside, encrypted=True).seen["peak_mb"]
        return timed

    def by_rows() -> Timed:
        with lab.database("naive", naive.create_tables) as url:
            return isolated(naive.to_rows, url, file.path, memory=True)

    def streamed() -> Timed:
        with lab.database() as url:
            return isolated(_run_streamed, url, file.path, memory=True)

    def copied() -> Timed:
        with lab.database("raw", raw.create_table) as url:
            return isolated(raw.copy_file, url, file.path, memory=True)

    contestants = [
        Contestant(
            "dispatch, ReceiveFile + AdmitBatch", "ours", durable, "every row judged before anything is recorded"
        ),
        Contestant(PLAIN, "limit", lambda: ours_on(file, encrypted=False), "the product never does it"),
        Contestant("csv + msgspec + executemany", "peer", by_rows, "one pass, simple patterns, one typed table"),
        Contestant(COPIED, "limit", copied, "text columns and a primary key, nothing checked"),
    ]
    if find_spec("polars") and find_spec("pyarrow"):
        note = "simple patterns, rows and events, nothing encrypted"
        contestants.insert(3, Contestant(STREAMED, "peer", streamed, note))
    return Contest(
        name=name,
        unit="rows/s",
        about=f"{file.about} Received, judged, error budget kept, errors recorded, good rows admitted as jobs.",
        contestants=contestants,
        goals=[
            Goal(0.75, (PLAIN,), "encryption costs at most a quarter"),
            Goal(0.5, (COPIED,), "design P3"),
            Goal(1.2, (STREAMED,), "design P3"),
            SeenGoal("peak_mb", PEAK_MB_MAX, "design P3"),
        ],
    )


def _judging(file: _File) -> Contest:
    bad = file.rows - file.good

    def alone(judge: Callable[..., Timed], *arguments: object) -> Callable[[], Timed]:
        return lambda: isolated(judge, file.path, *arguments, memory=True)

    return Contest(
        name="judging alone",
        unit="rows/s",
        about=f"{file.about} No database.",
        contestants=[
            Contestant("dispatch, judge", "ours", alone(ours.judging, bad)),
            Contestant("csv + msgspec", "peer", alone(naive.judging), "simple patterns"),
            Contestant("csv.reader", "limit", alone(raw.reading), "reads, and looks at nothing"),
        ],
        goals=[SeenGoal("peak_mb", PEAK_MB_MAX, "design P3")],
    )


def _refusing(file: _File) -> Contest:
    return Contest(
        name="refusing a hopeless file",
        unit="rows/s",
        about=f"{file.about} From the beginning to the verdict that the error budget of 10 % cannot hold. No database.",
        contestants=[
            Contestant("dispatch, judge", "ours", lambda: isolated(ours.refusing, file.path), "stops where it is sure"),
            Contestant(TO_THE_END, "peer", lambda: isolated(ours.judging_hopeless, file.path), "the same rules"),
        ],
        goals=[Goal(2, (TO_THE_END,), "a hopeless file is refused early")],
    )


def _run_streamed(url: str, path: Path) -> Timed:
    """Imported in the process that measures it, and only where polars and pyarrow are installed."""
    streamed = import_module("benchmarks.intake.streamed")
    streamed.create_tables(url)
    return streamed.to_rows_and_events(url, path)
