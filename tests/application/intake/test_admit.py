"""Admission: judged whole before anything is recorded; interrupted anywhere, each row is one job."""

import threading

import pytest
from intake_desk import BreaksOff, Desk
from intake_files import HEADER, goods
from sqlalchemy.pool import NullPool

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.natural_keys_memory import MemoryNaturalKeys
from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.natural_keys import PostgresNaturalKeys
from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.queries import PostgresQueries
from dispatch.application.close_batches import CloseBatches
from dispatch.application.intake.admit import AdmitBatch
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import Append, LedgerUnavailable, VersionConflict
from dispatch.domain import identity
from dispatch.domain.batch.events import BatchAdmitted, BatchJudged, BatchRejected, RowsRefused
from dispatch.domain.batch.state import BatchStatus
from ledgers import cause, opened_job, opened_ledger

BAD = "SJ-{0},boiler_service,cheap,Ann Smith,LS1 4AP\n"


def bads(count, first=9001):
    return "".join(BAD.format(number) for number in range(first, first + count))


def one(desk, batch_id, kind):
    [event] = [event for event in desk.ledger.load(batch_id).events if isinstance(event, kind)]
    return event


def rows(desk, batch_id):
    return sorted(job.row for job in desk.jobs(batch_id))


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "files", MemoryLedger())


@pytest.mark.acceptance("1.12", part="all rows are judged, then the budget, then only the good rows are recorded")
def test_every_row_is_judged_before_the_first_job_is_recorded(desk):
    received = desk.bring(HEADER + goods(10) + bads(1))
    assert desk.admit(received.batch_id) is BatchStatus.PROCESSING
    names = desk.names()
    assert names.index("BatchJudged") < names.index("JobOpened")
    assert rows(desk, received.batch_id) == list(range(1, 11))
    judged = one(desk, received.batch_id, BatchJudged)
    assert (judged.rows, judged.accepted, judged.rejected, judged.duplicates) == (11, 10, 1, 0)
    assert {record.correlation_id for record in desk.records()[1:]} == {received.batch_id}


@pytest.mark.acceptance("1.13", part="over the budget no job is recorded")
@pytest.mark.acceptance("1.12", part="the reason of a refused file")
def test_over_budget_nothing_is_recorded_but_the_reason(desk):
    received = desk.bring(HEADER + goods(17) + bads(3))
    assert desk.admit(received.batch_id) is BatchStatus.REJECTED
    rejected = one(desk, received.batch_id, BatchRejected)
    assert rejected.code == "error_budget_exceeded"
    assert rejected.reason == "Error rate 15.0% exceeded threshold 10%"
    assert desk.jobs() == []
    assert desk.admit(received.batch_id) is BatchStatus.REJECTED


@pytest.mark.acceptance("1.05", part="a refused file claims no natural key")
def test_a_refused_file_claims_nothing(desk):
    refused = desk.bring(HEADER + goods(1) + bads(1))
    desk.admit(refused.batch_id)
    mended = desk.bring(HEADER + goods(1))
    desk.admit(mended.batch_id)
    assert len(desk.jobs(mended.batch_id)) == 1


@pytest.mark.acceptance("1.12", part="exactly the threshold passes")
def test_exactly_ten_per_cent_passes(desk):
    received = desk.bring(HEADER + goods(18) + bads(2))
    assert desk.admit(received.batch_id) is BatchStatus.PROCESSING
    assert len(desk.jobs()) == 18


@pytest.mark.acceptance("1.15", part="refused rows are recorded with their codes, also of a file that was refused")
@pytest.mark.parametrize("good", [90, 2])
def test_refused_rows_are_recorded_with_their_codes(desk, good):
    received = desk.bring(HEADER + goods(good) + bads(2))
    desk.admit(received.batch_id)
    refused = one(desk, received.batch_id, RowsRefused).errors
    assert [(error.row, error.column, error.code) for error in refused] == [
        (good + 1, "price", "invalid_money"),
        (good + 2, "price", "invalid_money"),
    ]
    assert one(desk, received.batch_id, BatchJudged).errors_by_code == {"invalid_money": 2}


@pytest.mark.acceptance("1.14", part="the durations of parsing and recording, in milliseconds")
def test_durations_are_recorded_in_milliseconds(desk):
    received = desk.bring(HEADER + goods(4_000))
    desk.admit(received.batch_id)
    parse_ms = one(desk, received.batch_id, BatchJudged).parse_duration_ms
    db_ms = one(desk, received.batch_id, BatchAdmitted).db_duration_ms
    events = [record for record in desk.records() if record.stream == received.batch_id]
    took_ms = (events[-1].recorded_at - events[0].recorded_at).total_seconds() * 1000
    assert parse_ms > 0
    assert db_ms > 0
    assert parse_ms + db_ms <= took_ms + 2


@pytest.mark.acceptance("1.12", part="interrupted at any chunk and resumed, each row is one job")
@pytest.mark.parametrize("lost_reply", [False, True])
@pytest.mark.parametrize("at_chunk", [1, 2, 3, 4])
def test_interrupted_and_resumed_each_row_is_one_job(tmp_path, at_chunk, lost_reply):
    desk = Desk(tmp_path / "files", BreaksOff(at_chunk, lost_reply=lost_reply))
    received = desk.bring(HEADER + goods(5) + goods(1) + goods(5, first=6))
    with pytest.raises(LedgerUnavailable):
        desk.admit(received.batch_id)
    assert desk.admit(received.batch_id) is BatchStatus.PROCESSING
    assert rows(desk, received.batch_id) == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert len({job.job_id for job in desk.jobs()}) == 10
    batch = desk.batch(received.batch_id)
    assert (batch.rows, batch.accepted, batch.rejected, batch.duplicates, batch.jobs) == (11, 10, 0, 1, 10)
    assert one(desk, received.batch_id, BatchAdmitted).jobs == 10


def test_a_resumed_run_may_cut_its_chunks_otherwise(tmp_path):
    desk = Desk(tmp_path / "files", BreaksOff(3, lost_reply=True), keys := MemoryNaturalKeys(), rows_per_chunk=2)
    received = desk.bring(HEADER + goods(11))
    with pytest.raises(LedgerUnavailable):
        desk.admit(received.batch_id)
    AdmitBatch(desk.ledger, desk.files, keys, utc_now, rows_per_chunk=5)(received.batch_id)
    assert rows(desk, received.batch_id) == list(range(1, 12))


@pytest.mark.acceptance("1.05", part="a natural key of an earlier batch is a counted duplicate, not a second job")
def test_a_natural_key_of_an_earlier_batch_is_a_counted_duplicate(desk):
    first, second = desk.bring(HEADER + goods(4)), desk.bring(HEADER + goods(4, first=3))
    desk.admit(first.batch_id)
    desk.admit(second.batch_id)
    assert [job.reference for job in desk.jobs(second.batch_id)] == ["SJ-5", "SJ-6"]
    batch = desk.batch(second.batch_id)
    assert (batch.accepted, batch.jobs, batch.duplicates) == (4, 2, 2)


class Overtaken(MemoryLedger):
    """Just before a bulk append another worker admits the batch, in chunks of another size."""

    def __init__(self):
        super().__init__()
        self.other = None

    def append_bulk(self, marker, new):
        if self.other is not None:
            other, self.other = self.other, None
            other(marker.stream)
        return super().append_bulk(marker, new)


@pytest.mark.parametrize(("size", "stops_after"), [(2, 1), (2, 2), (4, 1), (7, 1), (7, 9)])
def test_overtaken_by_another_worker_it_goes_on_behind_his_rows(tmp_path, size, stops_after):
    ledger, keys = Overtaken(), MemoryNaturalKeys()
    desk = Desk(tmp_path / "files", ledger, keys, rows_per_chunk=3)
    received = desk.bring(HEADER + goods(11))

    class Stops(MemoryNaturalKeys):
        """The other worker is killed when he asks once more."""

        left = stops_after

        def claim(self, *asked, **options):
            self.left -= 1
            if self.left < 0:
                raise LedgerUnavailable("killed")
            return keys.claim(*asked, **options)

    def other(batch_id):
        try:
            AdmitBatch(ledger, desk.files, Stops(), utc_now, rows_per_chunk=size)(batch_id)
        except LedgerUnavailable:
            return

    ledger.other = other
    assert desk.admit(received.batch_id) is BatchStatus.PROCESSING
    assert rows(desk, received.batch_id) == list(range(1, 12))
    assert desk.batch(received.batch_id).jobs == 11


def test_a_job_that_exists_already_is_a_conflict_and_no_endless_loop(desk):
    received = desk.bring(HEADER + goods(2))
    at = desk.batch(received.batch_id).received_at
    job_id = identity.job_ids(received.batch_id, at)(2)
    desk.ledger.append([Append(job_id, 0, [opened_job(job_id)], cause())])
    with pytest.raises(VersionConflict, match=job_id):
        desk.admit(received.batch_id)


def test_a_file_that_breaks_in_the_middle_is_refused_with_its_code(desk):
    received = desk.bring(HEADER + goods(5) + 'SJ-6,"boiler" service,89.00,Ann Smith,LS1 4AP\n' + goods(5, first=7))
    assert desk.admit(received.batch_id) is BatchStatus.REJECTED
    assert one(desk, received.batch_id, BatchRejected).code == "quote_misplaced"
    assert desk.jobs() == []


def test_a_batch_that_does_not_exist(desk):
    assert desk.admit(identity.batch_id("0" * 64)) is None


@pytest.mark.postgres
@pytest.mark.acceptance("1.12", part="two workers at one batch: each row is one job")
def test_two_workers_at_one_batch_record_each_row_once(tmp_path, database_url, pools):
    with opened_ledger(database_url) as ledger:
        desk = Desk(tmp_path / "files", ledger, PostgresNaturalKeys(pools(database_url)), rows_per_chunk=7)
        received = desk.bring(HEADER + goods(200))
        together, answers = threading.Barrier(2), []

        def admit():
            together.wait(30)
            answers.append(desk.admit(received.batch_id))

        threads = [threading.Thread(target=admit) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert answers == [BatchStatus.PROCESSING] * 2
        assert rows(desk, received.batch_id) == list(range(1, 201))
        assert desk.batch(received.batch_id).jobs == 200
        assert desk.names().count("BatchAdmitted") == 1


@pytest.mark.postgres
@pytest.mark.acceptance("X23", part="a batch is closed by what became of its jobs; one of only duplicates closes")
def test_a_batch_of_only_duplicates_closes_and_one_with_open_jobs_does_not(tmp_path, database_url, pools):
    with opened_ledger(database_url) as ledger:
        desk = Desk(tmp_path / "files", ledger, PostgresNaturalKeys(pools(database_url)))
        first, second = desk.bring(HEADER + goods(4)), desk.bring(HEADER + goods(3, first=2))
        for received in (first, second):
            desk.admit(received.batch_id)
        projector = Projector(database_url, ledger)
        projector.prepare()
        while projector.step():
            pass
        projector.close()
        engine = open_engine(database_url, read_only=True, poolclass=NullPool)
        close = CloseBatches(ledger, PostgresQueries(engine, ["validate"]), utc_now)
        assert close() == [second.batch_id]
        assert close() == [], "closed once, although the views do not know yet"
        engine.dispose()
        assert desk.batch(second.batch_id).status is BatchStatus.COMPLETE
        assert desk.batch(first.batch_id).status is BatchStatus.PROCESSING
