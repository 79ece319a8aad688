"""The limits: the file into a table as it is, and reading it without looking."""

import csv
from pathlib import Path

import psycopg
from tools.make_sample import HEADER

from benchmarks.contest import Stopwatch, Timed
from benchmarks.lab import count_rows

BLOCK_BYTES = 1 << 18
COPY = f"COPY raw ({', '.join(HEADER)}) FROM STDIN (FORMAT csv, HEADER)"


def create_table(url: str) -> None:
    """A logged table of texts with a primary key."""
    columns = ", ".join(f"{name} text" for name in HEADER)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE raw (row bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {columns})")


def copy_file(url: str, path: Path) -> Timed:
    """As psql's \\copy does it."""
    with (
        psycopg.connect(url, autocommit=True) as connection,
        connection.cursor() as cursor,
        path.open("rb") as file,
        Stopwatch() as watch,
        cursor.copy(COPY) as copy,
    ):
        while block := file.read(BLOCK_BYTES):
            copy.write(block)
    return Timed(count_rows(url, "raw"), watch.seconds)


def reading(path: Path) -> Timed:
    """The csv module alone."""
    with Stopwatch() as watch, path.open(encoding="utf-8", newline="") as file:
        rows = sum(1 for _ in csv.reader(file)) - 1
    return Timed(rows, watch.seconds)
