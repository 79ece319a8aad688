"""Received files go after their time; those that a batch still reads stay, those of its corrections too."""

import os

import pytest
from intake_desk import Desk, as_csv
from intake_files import HEADER, goods
from sqlalchemy.pool import NullPool

from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.natural_keys import PostgresNaturalKeys
from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.queries import PostgresQueries
from dispatch.application.intake.retention import RemoveOldFiles, is_read
from dispatch.application.ports.clock import utc_now
from dispatch.domain.batch.state import BatchStatus
from ledgers import opened_ledger

pytestmark = pytest.mark.postgres
BAD = "SJ-99,boiler_service,cheap,Ann Smith,LS1 4AP\n"


@pytest.fixture
def desk(tmp_path, database_url, pools):
    with opened_ledger(database_url) as ledger:
        yield Desk(tmp_path / "files", ledger, PostgresNaturalKeys(pools(database_url)))


@pytest.fixture
def remove(desk, database_url):
    """Bring the views up to date, and remove what is older than a day."""
    engine = open_engine(database_url, read_only=True, poolclass=NullPool)
    projector = Projector(database_url, desk.ledger)
    projector.prepare()
    remove_old_files = RemoveOldFiles(desk.ledger, PostgresQueries(engine, []), desk.files, utc_now, kept_days=1)

    def remove():
        while projector.step():
            pass
        removed = []
        assert remove_old_files(removed.append) == len(removed)
        return set(removed)

    yield remove
    projector.close()
    engine.dispose()


def make_old(desk, *hashes):
    for file_hash in hashes:
        os.utime(desk.files.path(file_hash), (0, 0))


def corrected(desk, batch_id, price):
    [line] = desk.to_correct(batch_id)
    return desk.correct(batch_id, as_csv([line | {"price": price}])).file_hash


def test_corrections_that_wait_keep_their_file_and_that_of_the_batch(desk, remove):
    received = desk.bring(HEADER + goods(10) + BAD)
    desk.take_in(received.batch_id)
    first = corrected(desk, received.batch_id, "dear")
    files = {received.file_hash, first}
    make_old(desk, *files)
    assert remove() == set()
    assert is_read(desk.ledger, received.file_hash)
    desk.take_in(received.batch_id)
    assert remove() == files
    assert not desk.files.has(first)


def test_a_rejected_batch_that_is_judged_again_reads_its_corrections(desk, remove):
    received = desk.bring(HEADER + goods(1) + BAD)
    desk.take_in(received.batch_id)
    first = corrected(desk, received.batch_id, "9.00")
    make_old(desk, received.file_hash, first)
    assert remove() == set()
    assert desk.take_in(received.batch_id) is BatchStatus.PROCESSING
    assert remove() == {received.file_hash, first}


def test_what_is_young_stays(desk, remove):
    received = desk.bring(HEADER + goods(1))
    desk.take_in(received.batch_id)
    assert remove() == set()
