"""Receiving: one content is one batch; a refused file leaves nothing."""

import hashlib
import os
import threading

import pytest
from intake_desk import Desk
from intake_files import HEADER, goods

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.receive import Upload
from dispatch.application.intake.refused import FileRefused
from dispatch.application.ports.ledger import LedgerUnavailable
from dispatch.domain.batch.events import BatchReceived
from dispatch.domain.rows import ThresholdOutOfRange

FILE = HEADER + goods(2)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "files", MemoryLedger())


@pytest.mark.acceptance("1.01", part="the hash is taken while the file arrives, and is the identity of the batch")
def test_the_hash_is_taken_at_upload_and_the_file_is_kept_under_it(desk):
    received = desk.bring(FILE)
    assert received.file_hash == hashlib.sha256(FILE.encode()).hexdigest()
    assert not received.duplicate
    [event] = desk.ledger.load(received.batch_id).events
    assert isinstance(event, BatchReceived)
    assert (event.file_hash, event.file_bytes, event.file_name, event.by) == (
        received.file_hash,
        len(FILE),
        "jobs.csv",
        "ann",
    )
    assert desk.files.path(received.file_hash).read_text() == FILE


@pytest.mark.acceptance("1.01", part="the same file again is the same batch")
def test_the_same_file_twice_is_one_batch(desk):
    first, second = desk.bring(FILE), desk.bring(FILE)
    assert second.batch_id == first.batch_id
    assert (first.duplicate, second.duplicate) == (False, True)
    assert desk.names() == ["BatchReceived"]
    assert len(list(desk.stored())) == 1


@pytest.mark.acceptance("1.01", part="of simultaneous uploads of one file one makes the batch")
def test_simultaneous_uploads_of_one_file_make_one_batch(desk):
    together, answers = threading.Barrier(4), []

    def send():
        upload = desk.receive.begin(SERVICE_JOB)
        upload.write(FILE.encode())
        together.wait(30)
        answers.append(desk.receive.complete(upload, SERVICE_JOB, "jobs.csv"))
        upload.discard()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({answer.batch_id for answer in answers}) == 1
    assert sorted(answer.duplicate for answer in answers) == [False, True, True, True]
    assert desk.names() == ["BatchReceived"]
    assert len(list(desk.stored())) == 1


def test_a_forced_run_is_a_new_batch_that_keeps_the_hash(desk):
    first, again, third = desk.bring(FILE), desk.bring(FILE, force=True), desk.bring(FILE, force=True)
    assert len({first.batch_id, again.batch_id, third.batch_id}) == 3
    events = [desk.ledger.load(received.batch_id).events[0] for received in (first, again, third)]
    assert [event.run for event in events] == [1, 2, 3]
    assert {event.file_hash for event in events} == {first.file_hash}
    assert desk.bring(FILE).batch_id == first.batch_id


@pytest.mark.parametrize(
    "content", ["", HEADER, "a,b\n1,2\n", FILE + 'SJ-9,"boiler_service,89.00,Ann Smith,LS1 4AP\n', FILE + "\0"]
)
def test_a_refused_file_leaves_no_upload_and_no_event(desk, content):
    with pytest.raises(FileRefused):
        desk.bring(content)
    assert desk.ledger.head() == 0
    assert list(desk.stored()) == []


def test_an_upload_that_breaks_off_leaves_nothing(desk):
    def cut_off():
        yield FILE.encode()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        desk.receive(cut_off(), SERVICE_JOB, "jobs.csv")
    assert desk.ledger.head() == 0
    assert list(desk.stored()) == []


def test_an_upload_goes_even_when_the_disk_refuses_its_last_bytes(desk):
    upload = Upload(desk.files, SERVICE_JOB, 1 << 20)
    upload.write(FILE.encode())
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - its descriptor takes the place of the file's
        os.dup2(full.fileno(), upload._spool.fileno())
    with pytest.raises(OSError, match="No space left"):
        upload.discard()
    assert list(desk.stored()) == []


def test_a_threshold_out_of_range_is_refused_before_the_file_is_kept(desk):
    with pytest.raises(ThresholdOutOfRange):
        desk.bring(FILE, error_threshold_percent=101)
    assert desk.ledger.head() == 0
    assert list(desk.stored()) == []


def test_a_file_whose_record_failed_is_simply_sent_again(tmp_path):
    class Away(MemoryLedger):
        away = True

        def append(self, appends):
            if self.away:
                raise LedgerUnavailable("gone")
            return super().append(appends)

    desk = Desk(tmp_path / "files", Away())
    with pytest.raises(LedgerUnavailable):
        desk.bring(FILE)
    desk.ledger.away = False
    assert not desk.bring(FILE).duplicate
    assert desk.names() == ["BatchReceived"]
