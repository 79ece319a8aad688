"""Undo and reset: what was not sent is cancelled, what was sent stays, and the same rows may come again."""

from uuid import uuid4

import pytest
from intake_desk import Desk, as_csv
from intake_files import HEADER, goods

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.account import account
from dispatch.application.handle import handle
from dispatch.application.intake.admit import AdmitBatch
from dispatch.application.intake.refused import FileRefused
from dispatch.application.intake.undo import PAUSES_S, AttemptsUnderWay, Fate, UndoImport
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import Cause
from dispatch.domain.batch.events import BatchUndone, UndoRequested
from dispatch.domain.batch.refusals import BatchHasJobs, BatchUnknown, NothingToUndo
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.identity import job_ids
from dispatch.domain.job.commands import CancelJob, Done, GiveUp, RecordOutcome, StartStage
from dispatch.domain.job.decide import decider as job_decider
from dispatch.domain.job.events import JobCancelled
from dispatch.domain.job.refusals import JobAlreadySent
from dispatch.domain.job.state import JobStatus
from dispatch.domain.retry import RetryPolicy

ROWS = 8
REASON = "the wrong file"


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "files", MemoryLedger())


@pytest.fixture
def batch_id(desk):
    """Eight rows, all of them jobs."""
    received = desk.bring(HEADER + goods(ROWS))
    desk.take_in(received.batch_id)
    return received.batch_id


class Jobs:
    """Drives single jobs of a batch by row, as a worker would."""

    def __init__(self, desk, batch_id):
        self.desk, self.batch_id = desk, batch_id
        self.job_id = job_ids(batch_id, desk.batch(batch_id).received_at)

    def job(self, row):
        return job_decider.fold(self.desk.ledger.load(self.job_id(row)).events)

    def send(self, row, command):
        cause = Cause(command_id=str(uuid4()), correlation_id=self.batch_id)
        return handle(self.desk.ledger, job_decider, self.job_id(row), command, cause)

    def answer(self, row, outcome=None):
        job = self.job(row)
        return self.send(
            row,
            RecordOutcome(
                job_id=self.job_id(row),
                at=utc_now(),
                stage=job.stage,
                attempt=job.attempt,
                outcome=outcome or Done(),
                retry=RetryPolicy(attempts_max=1),
            ),
        )

    def through(self, row, stage):
        """Up to this stage."""
        while self.job(row).stage != stage:
            self.answer(row)

    def start(self, row):
        """An attempt at `dispatch` is on its way."""
        self.through(row, "dispatch")
        key = f"dispatch.{self.job_id(row)}"
        self.send(
            row,
            StartStage(job_id=self.job_id(row), at=utc_now(), stage="dispatch", attempt=1, idempotency_key=key),
        )

    def deliver(self, row):
        while not self.job(row).ended:
            self.answer(row)

    def cancel(self, row):
        self.send(row, CancelJob(job_id=self.job_id(row), at=utc_now(), by="bob", reason="moved"))

    def statuses(self):
        return [self.job(row).status for row in range(1, ROWS + 1)]


@pytest.fixture
def jobs(desk, batch_id):
    return Jobs(desk, batch_id)


@pytest.mark.acceptance("S.09", part="rollback of an import")
@pytest.mark.acceptance("1.38", part="a preview says what would happen, and changes nothing")
def test_the_preview_names_what_would_stay_and_why(desk, batch_id, jobs):
    jobs.deliver(1)
    jobs.through(2, "confirm")
    jobs.start(3)
    jobs.cancel(4)
    head = desk.ledger.head()
    preview = desk.take_back.preview(batch_id)
    assert (preview.jobs, preview.cancels, preview.cancelled, preview.kept, preview.under_way) == (8, 4, 1, 3, 1)
    assert [(job.row, job.why, job.status) for job in preview.kept_jobs] == [
        (1, Fate.ENDED, JobStatus.DELIVERED),
        (2, Fate.SENT, JobStatus.RUNNING),
        (3, Fate.UNDER_WAY, JobStatus.RUNNING),
    ]
    assert [job.row for job in desk.take_back.preview(batch_id, kept_max=1).kept_jobs] == [1]
    assert desk.ledger.head() == head


@pytest.mark.acceptance("S.09", part="rollback of an import")
def test_undo_cancels_what_was_not_sent_and_keeps_the_rest(desk, batch_id, jobs):
    jobs.deliver(1)
    jobs.through(2, "confirm")
    jobs.cancel(4)
    jobs.answer(5, GiveUp("no_slot"))
    assert [type(event) for event in desk.take_back.undo(batch_id, "eve", REASON)] == [UndoRequested]
    assert desk.take_back.undo(batch_id, "eve", REASON) == []
    assert desk.take_in(batch_id) is BatchStatus.UNDONE
    assert jobs.statuses() == [JobStatus.DELIVERED, JobStatus.RUNNING, *[JobStatus.CANCELLED] * 6]
    undone = desk.ledger.load(batch_id).events[-1]
    assert isinstance(undone, BatchUndone)
    assert (undone.cancelled, undone.kept) == (6, 2)
    cancelled = [record for record in desk.records() if isinstance(record.event, JobCancelled)]
    assert [(record.event.by, record.event.reason) for record in cancelled[1:]] == [("eve", REASON)] * 5
    assert {record.correlation_id for record in cancelled} == {batch_id}
    counted = account(desk.ledger, batch_id)
    assert (counted.delivered, counted.open, counted.cancelled, counted.escalated) == (1, 1, 6, 0)
    assert counted.adds_up


def test_an_attempt_on_its_way_decides_by_its_answer(desk, batch_id, jobs):
    jobs.start(1)
    jobs.start(2)
    desk.take_back.undo(batch_id, "eve", REASON)
    with pytest.raises(AttemptsUnderWay):
        desk.take_in(batch_id)
    assert desk.pauses == list(PAUSES_S), "it has waited before it gave the work back"
    assert desk.batch(batch_id).status is BatchStatus.UNDOING
    with pytest.raises(JobAlreadySent):
        jobs.cancel(1)
    jobs.answer(1)
    jobs.answer(2, GiveUp("no_such_number"))
    assert desk.take_in(batch_id) is BatchStatus.UNDONE
    assert (jobs.job(1).sent, jobs.job(1).status) == (True, JobStatus.RUNNING)
    assert jobs.job(2).status is JobStatus.CANCELLED
    assert desk.ledger.load(batch_id).events[-1].kept == 1


def test_an_answer_that_comes_while_it_waits_is_enough(desk, batch_id, jobs):
    jobs.start(1)
    desk.take_back.undo(batch_id, "eve", REASON)
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        jobs.answer(1)

    UndoImport(desk.ledger, desk.admit.natural_keys, utc_now, pause)(batch_id)
    assert len(pauses) == 1
    assert desk.batch(batch_id).status is BatchStatus.UNDONE
    assert jobs.job(1).sent


def test_after_its_cancellation_nothing_is_started(desk, batch_id, jobs):
    jobs.through(1, "dispatch")
    desk.take_back.undo(batch_id, "eve", REASON)
    desk.take_in(batch_id)
    start = StartStage(job_id=jobs.job_id(1), at=utc_now(), stage="dispatch", attempt=1, idempotency_key="k")
    assert jobs.send(1, start) == []


@pytest.mark.acceptance("1.37", part="after undo and reset the same rows become jobs again")
def test_after_undo_and_reset_the_rows_are_jobs_again_under_new_ids(desk, batch_id, jobs):
    jobs.deliver(1)
    jobs.through(2, "confirm")
    before = {job.job_id for job in desk.jobs(batch_id)}
    desk.take_back.undo(batch_id, "eve", REASON)
    desk.take_in(batch_id)
    desk.take_back.reset(batch_id, "eve", "right after all")
    assert desk.take_in(batch_id) is BatchStatus.PROCESSING
    again = [job for job in desk.jobs(batch_id) if job.job_id not in before]
    assert [job.row for job in again] == [3, 4, 5, 6, 7, 8]
    batch = desk.batch(batch_id)
    assert (batch.rows, batch.accepted, batch.duplicates, batch.jobs, batch.kept) == (8, 8, 2, 8, 2)
    counted = account(desk.ledger, batch_id)
    assert (counted.rows, counted.open, counted.duplicates, counted.cancelled, counted.kept) == (8, 6, 2, 0, 2)
    assert counted.adds_up
    jobs.deliver(2)  # A kept job that ends later is none of the rows that are counted now.
    assert account(desk.ledger, batch_id) == counted


def test_a_second_undo_counts_the_jobs_that_the_first_one_kept(desk, batch_id, jobs):
    jobs.deliver(1)
    for row in (None, 2):
        if row:
            Jobs(desk, batch_id).deliver(row)
        desk.take_back.undo(batch_id, "eve", REASON)
        desk.take_in(batch_id)
        desk.take_back.reset(batch_id, "eve", "again")
        desk.take_in(batch_id)
    batch = desk.batch(batch_id)
    assert (batch.resets, batch.kept, batch.jobs, batch.duplicates) == (2, 2, 8, 2)
    assert account(desk.ledger, batch_id).adds_up


def test_a_corrected_file_may_bring_the_rows_of_an_undone_import(desk, batch_id, jobs):
    jobs.deliver(1)
    desk.take_back.undo(batch_id, "eve", REASON)
    desk.take_in(batch_id)
    other = desk.bring(HEADER + goods(ROWS).replace("89.00", "98.00"))
    desk.take_in(other.batch_id)
    assert sorted(job.row for job in desk.jobs(other.batch_id)) == [2, 3, 4, 5, 6, 7, 8], "row 1 was delivered"


def test_an_import_is_taken_back_while_it_is_admitted(tmp_path):
    ledger = MemoryLedger()
    desk = Desk(tmp_path / "files", ledger)
    batch_id = desk.bring(HEADER + goods(ROWS)).batch_id
    record, chunks = ledger.append_bulk, []

    def append_bulk(marker, new):
        chunks.append(marker)
        if len(chunks) == 2:
            desk.take_back.undo(batch_id, "eve", REASON)
        return record(marker, new)

    ledger.append_bulk = append_bulk
    assert desk.take_in(batch_id) is BatchStatus.UNDONE
    assert [job.row for job in desk.jobs(batch_id)] == [1, 2, 3]
    counted = account(ledger, batch_id)
    assert (counted.cancelled, counted.not_admitted, counted.adds_up) == (3, 5, True)
    other = desk.bring(HEADER + goods(ROWS, first=1).replace("89.00", "98.00")).batch_id
    desk.take_in(other)
    assert len(desk.jobs(other)) == ROWS, "also the keys of rows that were claimed and never recorded are free"


def test_keys_that_were_claimed_when_the_undo_had_ended_are_given_up(tmp_path):
    """A worker that was admitting comes to its next chunk after another one has taken the import back."""
    desk = Desk(tmp_path / "files", MemoryLedger())
    batch_id = desk.bring(HEADER + goods(ROWS)).batch_id
    keys = desk.admit.natural_keys
    claim, other = keys.claim, Desk(tmp_path / "files", desk.ledger, keys)
    claims = []

    def slowly(*asked, **options):
        claims.append(asked)
        if len(claims) == 2:
            other.take_back.undo(batch_id, "eve", REASON)
            other.take_in(batch_id)
        return claim(*asked, **options)

    keys.claim = slowly
    assert desk.take_in(batch_id) is BatchStatus.UNDONE
    later = desk.bring(HEADER + goods(ROWS).replace("89.00", "98.00")).batch_id
    desk.take_in(later)
    assert len(desk.jobs(later)) == ROWS


@pytest.mark.acceptance("1.37", part="refused while rows are jobs")
def test_reset_is_refused_while_rows_are_jobs(desk, batch_id):
    with pytest.raises(BatchHasJobs):
        desk.take_back.reset(batch_id, "eve", REASON)


@pytest.mark.acceptance("1.37", part="a rejected batch is judged again, under another budget")
@pytest.mark.acceptance("1.35", part="the threshold of a batch is raised")
def test_reset_judges_again_under_another_budget(desk):
    batch_id = desk.bring(HEADER + goods(3) + "SJ-4,boiler_service,cheap,Ann Smith,LS1 4AP\n").batch_id
    assert desk.take_in(batch_id) is BatchStatus.REJECTED
    desk.take_back.reset(batch_id, "eve", "a known fault", error_threshold_percent=25)
    assert desk.take_in(batch_id) is BatchStatus.PROCESSING
    counted = account(desk.ledger, batch_id)
    assert (counted.rows, counted.open, counted.rejected, counted.rejection_code) == (4, 3, 1, "")
    assert counted.adds_up


def test_corrections_survive_undo_and_reset(desk):
    batch_id = desk.bring(HEADER + goods(20) + "SJ-90,boiler_service,cheap,Ann Smith,LS1 4AP\n").batch_id
    desk.take_in(batch_id)
    desk.correct(batch_id, as_csv([line | {"price": "9"} for line in desk.to_correct(batch_id)]))
    desk.take_in(batch_id)
    desk.take_back.undo(batch_id, "eve", REASON)
    desk.take_in(batch_id)
    desk.take_back.reset(batch_id, "eve", "again")
    desk.take_in(batch_id)
    batch = desk.batch(batch_id)
    assert (batch.rejected, batch.accepted, batch.jobs, batch.duplicates) == (0, 21, 21, 0)


def test_nothing_to_undo_and_nothing_to_reset(desk, batch_id):
    refused = desk.bring(HEADER + "SJ-4,boiler_service,cheap,Ann Smith,LS1 4AP\n").batch_id
    desk.take_in(refused)
    for ask in (desk.take_back.preview, lambda one: desk.take_back.undo(one, "eve", REASON)):
        with pytest.raises(NothingToUndo):
            ask(refused)
        with pytest.raises(BatchUnknown):
            ask(str(uuid4()))
    desk.files.remove(desk.batch(refused).file_hash)
    with pytest.raises(FileRefused) as gone:
        desk.take_back.reset(refused, "eve", REASON)
    assert gone.value.code == "file_gone"


def test_a_batch_without_jobs_is_undone_at_once(desk, batch_id):
    """Every row is a duplicate of another batch's."""
    other = desk.bring(HEADER + goods(ROWS).replace("89.00", "98.00")).batch_id
    desk.take_in(other)
    desk.take_back.undo(other, "eve", REASON)
    assert desk.take_in(other) is BatchStatus.UNDONE
    third = desk.bring(HEADER + goods(ROWS).replace("89.00", "99.00")).batch_id
    AdmitBatch(desk.ledger, desk.files, desk.admit.natural_keys, utc_now)(third)
    assert desk.jobs(third) == [], "the keys of the first batch are its own as before"
