"""Readers miss nothing and see nothing twice, whoever writes (promise R6)."""

import threading

import psycopg
import pytest

from dispatch.adapters.ledger.framing import arrays, framed, register_arrays
from dispatch.adapters.ledger.postgres import APPEND
from dispatch.application.ports.ledger import VersionConflict
from ledgers import follow, new_id, start
from processes import start_owner

pytestmark = pytest.mark.postgres

WAITING_FOR_LOCK = """
SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'
"""


def append_uncommitted(connection, append):
    register_arrays(connection)
    [(_, _, head)] = connection.execute(APPEND, arrays([framed([append])])).fetchall()
    return head


def await_waiter(connection):
    while connection.execute(WAITING_FOR_LOCK).rowcount == 0:
        assert connection.execute("SELECT pg_sleep(0.01)")


def test_an_append_waits_for_the_one_before_so_no_reader_can_overtake(database_url, postgres_ledger):
    slow, quick = new_id(), new_id()
    answers = []
    with psycopg.connect(database_url) as first, psycopg.connect(database_url, autocommit=True) as watcher:
        position = append_uncommitted(first, start(slow))
        second = threading.Thread(target=lambda: answers.extend(postgres_ledger.append([start(quick)])))
        second.start()
        await_waiter(watcher)
        assert postgres_ledger.read(0, 10) == []
        first.commit()
        second.join(30)
    assert answers == [range(position + 1, position + 2)]
    assert [r.stream for r in postgres_ledger.read(0, 10)] == [slow, quick]


def test_a_version_is_checked_against_what_was_recorded_while_waiting(database_url, postgres_ledger):
    stream = new_id()
    answers = []
    with psycopg.connect(database_url) as first, psycopg.connect(database_url, autocommit=True) as watcher:
        append_uncommitted(first, start(stream))
        second = threading.Thread(target=lambda: answers.extend(postgres_ledger.append([start(stream)])))
        second.start()
        await_waiter(watcher)
        first.commit()
        second.join(30)
    [conflict] = answers
    assert isinstance(conflict, VersionConflict)
    assert conflict.found == 1


def test_what_was_rolled_back_leaves_a_gap_that_nobody_waits_for(database_url, postgres_ledger):
    with psycopg.connect(database_url) as first:
        append_uncommitted(first, start(new_id()))
        first.rollback()
    stream = new_id()
    [positions] = postgres_ledger.append([start(stream)])
    assert positions == range(2, 3)
    assert [r.stream for r in postgres_ledger.read(0, 10)] == [stream]


def test_vacuum_is_not_in_the_way_of_an_append(database_url, postgres_ledger):
    """The library's table lock and VACUUM exclude each other; ours does not touch the table's locks."""
    postgres_ledger.append([start(new_id())])
    with psycopg.connect(database_url) as vacuum:
        vacuum.execute("LOCK TABLE ledger.stored_events IN SHARE UPDATE EXCLUSIVE MODE")  # As VACUUM holds it.
        assert isinstance(postgres_ledger.append([start(new_id())])[0], range)


WRITER = """
import asyncio, sys
import ledgers
from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore

ledger = PostgresLedger(LedgerRecorder(open_datastore(sys.argv[1])))

async def caller():
    stream = ledgers.new_id()
    for version in range(20):
        await ledger.append_async([ledgers.follow(stream, version)])

async def main():
    imports = [
        asyncio.to_thread(ledger.append_bulk, ledgers.start(ledgers.new_id()),
                          [ledgers.start(ledgers.new_id()) for _ in range(200)])
        for _ in range(3)
    ]
    await asyncio.gather(*(caller() for _ in range(20)), *imports)

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
ledger.close()
"""
WRITERS = 3
EVENTS_PER_WRITER = 20 * 20 + 3 * 201


@pytest.mark.acceptance("2.22", part="the ledger: a reader that follows several writers sees each event once")
def test_a_reader_follows_writers_in_several_processes(postgres_ledger, database_url, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "tests")
    writers = [start_owner(WRITER, database_url) for _ in range(WRITERS)]
    try:
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            writer.stdin.write("go\n")
            writer.stdin.flush()
        seen, after, running = [], 0, True
        news = seen
        while running or news:
            running = any(writer.poll() is None for writer in writers)
            news = postgres_ledger.read(after, 37)
            seen += news
            after = news[-1].position if news else after
        assert [writer.returncode for writer in writers] == [0] * WRITERS
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert len(seen) == WRITERS * EVENTS_PER_WRITER
    assert [r.position for r in seen] == sorted({r.position for r in seen})
    assert seen == postgres_ledger.read(0, len(seen) + 1)
    versions: dict[str, int] = {}
    for record in seen:
        assert record.version == versions.get(record.stream, 0) + 1
        versions[record.stream] = record.version


def test_two_that_want_the_same_version_of_many_streams_share_them_out(postgres_ledger):
    streams = [new_id() for _ in range(50)]
    answers = {}

    def write(name):
        answers[name] = postgres_ledger.append([follow(stream, 0) for stream in streams])

    threads = [threading.Thread(target=write, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for one, two in zip(answers["one"], answers["two"], strict=True):
        assert isinstance(one, range) is not isinstance(two, range)
    assert len(postgres_ledger.read(0, 200)) == 50
