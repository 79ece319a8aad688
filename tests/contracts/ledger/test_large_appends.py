"""Five megabytes in one append: psycopg's pipeline mode, which the library uses, hangs there."""

from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent

import examples
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.application.ports.ledger import History
from ledgers import new_id, opened_job, start
from processes import assert_stays, start_owner

pytestmark = pytest.mark.postgres

MEGABYTE = "x" * 1_000_000
KILOBYTES_4 = "x" * 4_000


@pytest.mark.timeout(60)
def test_through_append(postgres_ledger):
    stream = new_id()
    big = [opened_job(stream, MEGABYTE) for _ in range(5)]
    [positions] = postgres_ledger.append([start(stream, events=big)])
    assert len(positions) == 5
    assert postgres_ledger.load(stream) == History(5, big)


@pytest.mark.timeout(60)
def test_through_append_bulk(postgres_ledger):
    jobs = [new_id() for _ in range(1_250)]
    new = [start(job, events=[opened_job(job, KILOBYTES_4)]) for job in jobs]
    positions = postgres_ledger.append_bulk(start(new_id(), events=[examples.chunk_admitted]), new)
    assert len(positions) == 1_251
    assert postgres_ledger.load(jobs[-1]).events == [opened_job(jobs[-1], KILOBYTES_4)]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("events", "state"), [(5, MEGABYTE), (1_250, KILOBYTES_4)])
def test_through_the_recorder(database_url, postgres_ledger, events, state):
    datastore = open_datastore(database_url)
    try:
        stored = [StoredEvent(uuid4(), 1, "JobOpened", state.encode()) for _ in range(events)]
        assert len(LedgerRecorder(datastore).insert_events(stored)) == events
        assert postgres_ledger.head() == events
    finally:
        datastore.close()


@pytest.mark.timeout(60)
def test_the_librarys_own_recorder_hangs_there(empty_url):
    """Why ours exists. When this fails, the library or psycopg was mended: look again at what we do beside it."""
    owner = start_owner(
        """
        import sys
        from uuid import uuid4
        from eventsourcing.persistence import StoredEvent
        from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
        from psycopg.conninfo import conninfo_to_dict
        parts = conninfo_to_dict(sys.argv[1])
        datastore = PostgresDatastore(parts["dbname"], parts["host"], parts["port"], parts["user"], "")
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()
        recorder.insert_events([StoredEvent(uuid4(), 1, "small", b"{}")])
        print("inserting", flush=True)
        recorder.insert_events([StoredEvent(uuid4(), 1, "big", b"x" * 4_000) for _ in range(1_250)])
        """,
        empty_url,
    )
    with owner:
        try:
            assert owner.stdout.readline() == "inserting\n"
            assert_stays(owner.pid, for_s=3.0)
        finally:
            owner.kill()
