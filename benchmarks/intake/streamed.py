"""The fastest peer: Arrow blocks, rules by polars, COPY in a second thread; one transaction of rows and of events.

The pipeline `stream-events7` of the project's comparison of CSV tools, for this file: SHA-256 beside it, simple
patterns, time-ordered ids, events as JSON, nothing encrypted. A broken error budget rolls all of it back.
"""

import hashlib
import secrets
import threading
import time
from pathlib import Path
from queue import Queue

import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from tools.make_sample import HEADER

from benchmarks.contest import Stopwatch, Timed
from benchmarks.lab import count_rows

BLOCK_BYTES = 2 << 20
BLOCKS_AHEAD = 3
BUDGET = 0.1
COLUMNS = ("reference", "service", "price_pence", "customer_name", "phone", "email", "address", "postcode", "notes")
PRICE = r"^£?[\d,]+(\.\d\d)?p?$"
PHONE = r"^[+\d() -]*$"
EMAIL = r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$"
POSTCODE = r"^[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}$"
COPY_JOBS = f"COPY jobs ({', '.join(COLUMNS)}) FROM STDIN (FORMAT csv)"
COPY_EVENTS = "COPY events (originator_id, originator_version, topic, state) FROM STDIN (FORMAT csv)"
COPY_ERRORS = "COPY row_errors (row, error) FROM STDIN"


def create_tables(url: str) -> None:
    """Jobs as `naive` has them, errors, and events in the layout of the `eventsourcing` library."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE jobs (reference text PRIMARY KEY, service text NOT NULL, price_pence int NOT NULL,"
            " customer_name text NOT NULL, phone text, email text, address text, postcode text NOT NULL, notes text)"
        )
        connection.execute("CREATE TABLE row_errors (row int PRIMARY KEY, error text NOT NULL)")
        connection.execute(
            "CREATE TABLE events (originator_id uuid NOT NULL, originator_version bigint NOT NULL, topic text,"
            " state bytea, notification_id bigserial, PRIMARY KEY (originator_id, originator_version))"
        )
        connection.execute("CREATE UNIQUE INDEX ON events (notification_id)")


def to_rows_and_events(url: str, path: Path) -> Timed:
    """Everything once, in blocks."""
    pl.thread_pool_size()  # Started before the clock.
    with Stopwatch() as watch:
        _Stream(url, path).run()
    jobs, errors = count_rows(url, "jobs"), count_rows(url, "row_errors")
    assert count_rows(url, "events") == jobs
    return Timed(jobs + errors, watch.seconds)


class _Stream:
    def __init__(self, url: str, path: Path) -> None:
        self._url, self._path = url, path
        self._rows: Queue[bytes | None] = Queue(BLOCKS_AHEAD)
        self._events: Queue[bytes | None] = Queue(BLOCKS_AHEAD)
        self._errors: list[tuple[int, str]] = []
        self._holds = False
        self._made = 0

    def run(self) -> None:
        hasher = threading.Thread(target=self._hash)
        writer = threading.Thread(target=self._write)
        hasher.start()
        writer.start()
        kept, seen, count = [], set[int](), 0
        for block in self._blocks():
            good, bad = _split(block)
            hashes = good["reference"].hash().to_list()
            if not seen.isdisjoint(hashes):
                twice = pl.Series([found in seen for found in hashes])
                self._errors += [(count + row, "duplicate") for row in good.filter(twice)["row"]]
                good = good.filter(~twice)
            seen.update(hashes)
            self._errors += [(count + row, code) for row, code in bad.iter_rows()]
            count += block.height
            self._rows.put(good.select(COLUMNS).write_csv(include_header=False).encode())
            kept.append(good.drop("row"))
        self._holds = len(self._errors) <= BUDGET * count
        self._rows.put(None)
        for good in kept:
            self._events.put(self._events_of(good))
        self._events.put(None)
        writer.join()
        hasher.join()

    def _blocks(self):
        types = dict.fromkeys(HEADER, pa.string())
        reader = pa_csv.open_csv(
            self._path,
            read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(column_types=types),
        )
        return (pl.from_arrow(batch) for batch in reader)

    def _hash(self) -> None:
        with self._path.open("rb") as file:
            hashlib.file_digest(file, "sha256").hexdigest()

    def _write(self) -> None:
        with psycopg.connect(self._url) as connection, connection.cursor() as cursor:
            for statement, blocks in ((COPY_JOBS, self._rows), (COPY_EVENTS, self._events)):
                with cursor.copy(statement) as copy:
                    while (block := blocks.get()) is not None:
                        copy.write(block)
            if not self._holds:
                connection.rollback()
                return
            with cursor.copy(COPY_ERRORS) as copy:
                for error in self._errors:
                    copy.write_row(error)

    def _events_of(self, good: pl.DataFrame) -> bytes:
        began, chance = f"{int(time.time() * 1000):012x}7", secrets.token_hex(6 * good.height)
        numbers = range(self._made, self._made + good.height)
        self._made += good.height
        ids = [
            f"{began}{number >> 12 & 4095:03x}8{number & 4095:03x}{chance[12 * at : 12 * at + 12]}"
            for at, number in enumerate(numbers)
        ]
        state = "\\x" + pl.struct(good.columns).struct.json_encode().str.encode("hex")
        row = (
            pl.Series("id", ids),
            pl.lit(1).alias("version"),
            pl.lit("JobOpened").alias("topic"),
            state.alias("state"),
        )
        return good.select(*row).write_csv(include_header=False).encode()


def _split(block: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Good rows with prices in pence, and the bad ones with a code."""
    column = pl.col
    code = (
        pl.when(column("reference").fill_null("") == "").then(pl.lit("reference"))
        .when(column("service").fill_null("") == "").then(pl.lit("service"))
        .when(~column("price").str.contains(PRICE)).then(pl.lit("price"))
        .when(column("customer_name").fill_null("") == "").then(pl.lit("name"))
        .when(~column("phone").str.contains(PHONE)).then(pl.lit("phone"))
        .when(~column("email").str.contains(EMAIL)).then(pl.lit("email"))
        .when(~column("postcode").str.contains(POSTCODE)).then(pl.lit("postcode"))
        .when(~column("reference").is_first_distinct()).then(pl.lit("duplicate"))
    )  # fmt: skip
    digits = column("price").str.replace_all("[£p,]", "")
    pence = pl.when(column("price").str.ends_with("p")).then(digits.cast(pl.Float64, strict=False))
    pence = pence.otherwise(digits.cast(pl.Float64, strict=False) * 100).round().cast(pl.Int64, strict=False)
    judged = block.with_row_index("row", offset=1).with_columns(code.alias("code"), pence.alias("price_pence"))
    good = judged.filter(column("code").is_null()).drop("code", "price")
    return good, judged.filter(column("code").is_not_null()).select("row", "code")
