"""The baseline that everyone would write first: a dict a row, msgspec for the rules, executemany for the rows."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import psycopg
from msgspec import Meta

from benchmarks.contest import Stopwatch, Timed
from benchmarks.lab import count_rows

ROWS_PER_CALL = 1_000
INSERT = "INSERT INTO jobs VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
INSERT_ERROR = "INSERT INTO row_errors VALUES (%s, %s)"


class _Job(msgspec.Struct):
    reference: Annotated[str, Meta(min_length=1, max_length=40)]
    service: Annotated[str, Meta(min_length=1)]
    price: Annotated[str, Meta(pattern=r"^£?[\d,]+(\.\d\d)?p?$")]
    customer_name: Annotated[str, Meta(min_length=1, max_length=120)]
    phone: Annotated[str, Meta(pattern=r"^[+\d() -]*$")]
    email: Annotated[str, Meta(pattern=r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$")]
    address: str
    postcode: Annotated[str, Meta(pattern=r"^[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}$")]
    notes: str

    def row(self) -> tuple:
        """As the table has it: pounds become pence."""
        text = self.price.strip("£p").replace(",", "")
        pence = int(text) if self.price.endswith("p") else round(float(text) * 100)
        return (
            self.reference,
            self.service,
            pence,
            self.customer_name,
            self.phone,
            self.email,
            self.address,
            self.postcode,
            self.notes,
        )


def create_tables(url: str) -> None:
    """A typed table, and one for the errors."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE jobs (reference text PRIMARY KEY, service text NOT NULL, price_pence int NOT NULL,"
            " customer_name text NOT NULL, phone text, email text, address text, postcode text NOT NULL, notes text)"
        )
        connection.execute("CREATE TABLE row_errors (row int PRIMARY KEY, error text NOT NULL)")


def to_rows(url: str, path: Path) -> Timed:
    """Judge and insert in one pass and one transaction."""
    errors: list[tuple[int, str]] = []
    with psycopg.connect(url) as connection, connection.cursor() as cursor, Stopwatch() as watch:
        jobs = _jobs(path, errors)
        while some := [job.row() for job in islice(jobs, ROWS_PER_CALL)]:
            cursor.executemany(INSERT, some)
        cursor.executemany(INSERT_ERROR, errors)
        connection.commit()
    return Timed(count_rows(url, "jobs") + count_rows(url, "row_errors"), watch.seconds)


def judging(path: Path) -> Timed:
    """The same rules without a database."""
    errors: list[tuple[int, str]] = []
    with Stopwatch() as watch:
        good = sum(1 for _ in _jobs(path, errors))
    return Timed(good + len(errors), watch.seconds)


def _jobs(path: Path, errors: list[tuple[int, str]]) -> Iterator[_Job]:
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            try:
                yield msgspec.convert(row, _Job)
            except msgspec.ValidationError as error:
                errors.append((number, str(error)))
