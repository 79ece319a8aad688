"""Readers miss nothing and see nothing twice, whoever writes (promise R6)."""

import threading

import psycopg
import pytest

from dispatch.adapters.ledger.framing import arrays, framed, register_arrays
from dispatch.adapters.ledger.postgres import APPEND
from dispatch.adapters.postgres.migrate import migrate
from dispatch.application.ports.ledger import VersionConflict
from ledgers import follow, new_id, start
from stress.following import follow_writers

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


@pytest.mark.acceptance("2.22", part="the ledger: a reader that follows several writers sees each event once")
def test_readers_at_any_pace_follow_writers_in_several_processes(database_url):
    """`make stress` does the same with 1,000,000 events: benchmarks/results/stress.md."""
    migrate(database_url)
    followed = follow_writers(database_url, events=12_000, writers=8, readers=3)
    assert followed.events == 12_000
    assert followed.gaps > 0, "nothing was rolled back: the positions have no gaps to be followed over"
    assert (followed.missed, followed.twice, followed.disordered) == (0, 0, 0)
    assert followed.same


BESIDE_THE_LOCK = """
INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state)
VALUES (%s::text::uuid, 1, 'JobDelivered', '{}') RETURNING notification_id
"""


def test_without_the_lock_a_reader_skips_events(database_url, postgres_ledger):
    """What the lock is for: positions are given out before the commit, so a later one can be seen first."""
    slow, quick = new_id(), new_id()
    with psycopg.connect(database_url) as first, psycopg.connect(database_url, autocommit=True) as second:
        [(earlier,)] = first.execute(BESIDE_THE_LOCK, (slow,)).fetchall()
        [(later,)] = second.execute(BESIDE_THE_LOCK, (quick,)).fetchall()
        assert earlier < later
        seen = followed_once(second, after=0)
        first.commit()
    with psycopg.connect(database_url, autocommit=True) as reader:
        seen += followed_once(reader, after=seen[-1])
        everything = followed_once(reader, after=0)
    assert everything == [earlier, later]
    assert seen == [later], "the reader has gone on behind a position that it never saw"


def followed_once(connection, after):
    """The positions that a reader finds behind the last one that it saw."""
    found = connection.execute(
        "SELECT notification_id FROM ledger.stored_events WHERE notification_id > %s ORDER BY 1", (after,)
    )
    return [position for (position,) in found]


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
