"""New jobs in bulk: from events to durable rows."""

from functools import cache

import psycopg

from benchmarks import stock
from benchmarks.append.tables import DESIGN, ISSUE, LEDGER_ROW, LEDGER_TABLE, ROW, copy_blocks
from benchmarks.contest import Contest, Contestant, Goal, Stopwatch, Timed
from benchmarks.jobs import chunks, copy_data, copy_row, marker, new_stream, opened, stored_rows
from benchmarks.lab import Lab, count_rows
from dispatch.application.intake.admit import ROWS_PER_CHUNK

LIMIT_CHUNK = 10_000  # More is not faster.


def contest(lab: Lab, count: int) -> Contest:
    """From new jobs as events to durable rows."""
    jobs = opened(count)

    def ours() -> Timed:
        with lab.ledger() as (ledger, url):
            ledger.ping()  # Connects.
            with Stopwatch() as watch:
                for number, chunk in enumerate(chunks(jobs, ROWS_PER_CHUNK), 1):
                    note = marker(number, chunk[-1].row, len(chunk))
                    ledger.append_bulk(note, (new_stream([job]) for job in chunk))
            assert count_rows(url, LEDGER_TABLE) == count + number
        return Timed(count, watch.seconds)

    def library() -> Timed:
        some = jobs[: max(2_000, count // 4)]
        with lab.database("stock", stock.create_table) as url, stock.stock_recorder(url) as recorder:
            with Stopwatch() as watch:
                rows = [row for job in some for row in stored_rows([job])]
                for chunk in stock.safe_chunks(rows):
                    recorder.insert_events(chunk)
            assert count_rows(url, stock.TABLE) == len(some)
        return Timed(len(some), watch.seconds)

    def encoded() -> Timed:
        rows = [copy_row(row) for job in jobs for row in stored_rows([job])]
        blocks = [copy_data(chunk) for chunk in chunks(rows, LIMIT_CHUNK)]
        with lab.database("stock", stock.create_table) as url:
            watch = copy_blocks(url, stock.TABLE, ROW, blocks)
            assert count_rows(url, stock.TABLE) == count
        return Timed(count, watch.seconds)

    @cache
    def our_blocks() -> list[bytes]:
        """The rows that `ours` makes, as Postgres itself writes them in binary."""
        with lab.ledger() as (ledger, url):
            ledger.append_bulk(marker(1, count, count), (new_stream([job]) for job in jobs))
            with psycopg.connect(url) as connection, connection.cursor() as cursor:
                blocks = []
                for start in range(0, count, LIMIT_CHUNK):
                    rows = f"SELECT {LEDGER_ROW} FROM {LEDGER_TABLE} ORDER BY notification_id"
                    part = f"{rows} LIMIT {LIMIT_CHUNK} OFFSET {start + 1}"  # Behind the marker.
                    with cursor.copy(f"COPY ({part}) TO STDOUT (FORMAT BINARY)") as copy:
                        blocks.append(b"".join(copy))
        return blocks

    def encoded_as_ours() -> Timed:
        blocks = our_blocks()
        with lab.ledger() as (_, url):
            watch = copy_blocks(url, LEDGER_TABLE, LEDGER_ROW, blocks)
            assert count_rows(url, LEDGER_TABLE) == count
        return Timed(count, watch.seconds)

    peer, limit = "stock recorder, largest safe chunks", "binary COPY of blocks encoded beforehand"
    size = sum(len(row[3]) for row in stored_rows([jobs[-1]]))
    return Contest(
        name="new jobs in bulk",
        unit="jobs/s",
        about=(
            f"{count:,} new jobs, each one event of {size} bytes, in chunks of {ROWS_PER_CHUNK:,} with the import's"
            " marker. The stock recorder gets our encoder and takes a quarter of the jobs."
        ),
        contestants=[
            Contestant("dispatch, append_bulk", "ours", ours, "encodes; marker checked; cause recorded"),
            Contestant(
                peer,
                "peer",
                library,
                f"{stock.STATE_BYTES_MAX // size} events a call: with 700 of this size it hangs for ever",
            ),
            Contestant(limit, "limit", encoded, "the library's table: five columns"),
            Contestant("... the same into our table", "limit", encoded_as_ours, "nine columns, a BRIN more"),
        ],
        goals=[Goal(8, (peer,), ISSUE), Goal(0.6, (limit,), f"{DESIGN} P5")],
    )
