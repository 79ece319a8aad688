"""The peer: an INSERT with pg_notify in one statement, and a connection that listens in another process."""

import time
from multiprocessing.connection import Connection

import psycopg

from benchmarks.contest import Timed
from benchmarks.visibility.handling import GAP_S, WARM_UP, handler, timed

TABLE = "CREATE TABLE events (id bigint PRIMARY KEY, body jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now())"
WRITE = """
WITH written AS (INSERT INTO events (id, body) VALUES (%s, %s) RETURNING id)
SELECT pg_notify('events', id::text) FROM written
"""
BODY = '{"reference":"R-000001","stage":"quoted","note":"' + "x" * 150 + '"}'


def create(url: str) -> None:
    """The peer's table."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE)


def run(url: str, count: int, *, reads_row: bool) -> Timed:
    """Write one by one, and wait for the last to be handled."""
    began: dict[str, int] = {}
    with (
        handler(listen, url, WARM_UP + count, reads_row) as handled,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        for number in range(WARM_UP + count):
            began[str(number)] = time.monotonic_ns()
            connection.execute(WRITE, (number, BODY))
            time.sleep(GAP_S)
        return timed(began, handled())


def listen(told: Connection, url: str, count: int, reads_row: bool) -> None:
    """Handle `count` notifications."""
    handled: dict[str, int] = {}
    with psycopg.connect(url, autocommit=True) as connection, psycopg.connect(url, autocommit=True) as reader:
        connection.execute("LISTEN events")
        told.send("listening")
        for notification in connection.notifies():
            if reads_row:
                reader.execute("SELECT body FROM events WHERE id = %s", (int(notification.payload),)).fetchone()
            handled[notification.payload] = time.monotonic_ns()
            if len(handled) == count:
                break
    told.send(handled)
