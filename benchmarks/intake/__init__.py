"""Goal `intake`: a CSV file to durable jobs, and judging its rows alone; peak memory beside the rates."""

from collections.abc import Iterator

from benchmarks.contest import Contest, Contestant, Goal, SeenGoal
from benchmarks.intake import naive, ours, raw
from benchmarks.intake.sample import write_sample
from benchmarks.isolated import isolated
from benchmarks.lab import Lab
from dispatch.adapters.postgres.migrate import migrate

TITLE = "Intake: a CSV file to durable jobs"
PACKAGES = ("psycopg", "msgspec", "phonenumberslite", "email-validator")
BAD = 0.02

PEAK_MB_MAX = 250.0
PLAIN = "... the same with persons unencrypted"


def contests(lab: Lab, *, quick: bool) -> Iterator[Contest]:
    """Both contests, on one file."""
    rows = 2_000 if quick else 100_000
    file = lab.folder / "jobs.csv"
    good = write_sample(file, rows, BAD)
    about = f"{rows:,} rows, {BAD:.0%} of them invalid, {file.stat().st_size / 1e6:.0f} MB."

    def durable():
        with lab.database("ledger", migrate) as url:
            return isolated(ours.to_durable_jobs, url, file, good, memory=True)

    def unencrypted():
        with lab.database("ledger", migrate) as url:
            return isolated(ours.to_durable_jobs, url, file, good, False, memory=True)

    def by_rows():
        with lab.database("naive", naive.create_tables) as url:
            return isolated(naive.to_rows, url, file, memory=True)

    def copied():
        with lab.database("raw", raw.create_table) as url:
            return isolated(raw.copy_file, url, file, memory=True)

    yield Contest(
        name="file to durable jobs",
        unit="rows/s",
        about=f"{about} Received, every row judged, error budget kept, errors recorded, good rows admitted as jobs.",
        contestants=[
            Contestant("dispatch, ReceiveFile + AdmitBatch", "ours", durable, "reads the file three times, by design"),
            Contestant(PLAIN, "limit", unencrypted, "what encrypting every person costs; the product never does it"),
            Contestant("csv + msgspec + executemany", "peer", by_rows, "one pass, simple patterns, one typed table"),
            Contestant("raw COPY of the file", "limit", copied, "text columns and a primary key, nothing checked"),
        ],
        goals=[
            Goal(0.75, (PLAIN,), "encryption costs at most a quarter"),
            Goal(0.5, ("raw COPY of the file",), "design P3"),
            SeenGoal("peak_mb", PEAK_MB_MAX, "design P3"),
        ],
    )
    yield Contest(
        name="judging alone",
        unit="rows/s",
        about=f"{about} No database.",
        contestants=[
            Contestant("dispatch, judge", "ours", lambda: isolated(ours.judging, file, rows - good, memory=True)),
            Contestant("csv + msgspec", "peer", lambda: isolated(naive.judging, file, memory=True), "simple patterns"),
            Contestant(
                "csv.reader", "limit", lambda: isolated(raw.reading, file, memory=True), "reads, and looks at nothing"
            ),
        ],
        goals=[SeenGoal("peak_mb", PEAK_MB_MAX, "design P3")],
    )
