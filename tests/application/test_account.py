"""The account of a batch: every row counted once, from the ledger alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.application.account import Account, account, fold_account
from dispatch.application.ports.ledger import Append, Cause
from dispatch.domain.batch import events as batch
from dispatch.domain.events import Event
from dispatch.domain.identity import command_id
from dispatch.domain.job import events as job
from examples import opened as opened_example
from examples import received as received_example

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BATCH = str(UUID(int=1))
OTHER = str(UUID(int=2))


class Ticking:
    """A clock that goes on by a second at each append."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Story:
    """Writes events into a ledger, one append a second."""

    def __init__(self) -> None:
        self.clock = Ticking()
        self.ledger = MemoryLedger(self.clock)

    def record(self, stream: str, *events: Event, of: str = BATCH) -> None:
        version = self.ledger.load(stream).version
        cause = Cause(command_id=command_id(stream, version), correlation_id=of)
        [answer] = self.ledger.append([Append(stream, version, events, cause)])
        assert isinstance(answer, range)
        self.clock.now += timedelta(seconds=1)

    def judge(self, *, accepted: int, rejected: int = 0, duplicates: int = 0, of: str = BATCH) -> None:
        rows = accepted + rejected + duplicates
        counted = batch.BatchJudged(
            batch_id=of,
            at=NOON,
            rows=rows,
            accepted=accepted,
            rejected=rejected,
            duplicates=duplicates,
            errors_by_code={"invalid_money": rejected} if rejected else {},
            parse_duration_ms=400,
        )
        self.record(of, _of(received_example, batch_id=of), of=of)
        self.record(of, counted, of=of)

    def admit(self, jobs: Sequence[int], *, duplicates: int = 0, of: str = BATCH) -> None:
        chunk = batch.ChunkAdmitted(
            batch_id=of, at=NOON, chunk=1, row_through=len(jobs), jobs=len(jobs), duplicates=duplicates
        )
        self.record(of, chunk, of=of)
        for number in jobs:
            self.record(_job(number), _of(opened_example, job_id=_job(number), batch_id=of), of=of)

    def pass_stage(self, number: int, stage: str, next_stage: str = "", *, of: str = BATCH) -> None:
        done = job.StageCompleted(job_id=_job(number), at=NOON, stage=stage, attempt=1, next_stage=next_stage)
        last = () if next_stage else (job.JobDelivered(job_id=_job(number), at=NOON),)
        self.record(_job(number), done, *last, of=of)

    def account(self) -> Account:
        return account(self.ledger, BATCH)


def _job(number: int) -> str:
    return str(UUID(int=1000 + number))


def _of(event, **changed):
    fields = {name: getattr(event, name) for name in type(event).__struct_fields__}
    return type(event)(**(fields | changed))


@pytest.fixture
def story() -> Story:
    return Story()


def escalated(number: int) -> tuple[job.StageFailed, job.JobEscalated]:
    failed = job.StageFailed(
        job_id=_job(number), at=NOON, stage="verify", attempt=1, error_code="no_mailbox", transient=False
    )
    return failed, job.JobEscalated(job_id=_job(number), at=NOON, stage="verify", reason="no_mailbox")


def test_every_fate_is_counted_once_and_the_sum_is_the_file(story: Story):
    story.judge(accepted=7, rejected=2, duplicates=1)
    story.admit(range(6), duplicates=1)
    for stage, following in (("verify", "dispatch"), ("dispatch", "confirm"), ("confirm", "")):
        story.pass_stage(0, stage, following)
    story.record(_job(1), *escalated(1))
    story.record(_job(2), job.JobBlocked(job_id=_job(2), at=NOON, stage="verify", rule="PE10", reason="no_basis"))
    story.record(_job(3), job.JobCancelled(job_id=_job(3), at=NOON, by="ann", reason="moved", was_escalated=False))
    found = story.account()
    assert (found.delivered, found.escalated, found.blocked, found.cancelled, found.open) == (1, 1, 1, 1, 2)
    assert (found.rows, found.rejected, found.duplicates, found.not_admitted) == (10, 2, 2, 0)
    assert found.errors_by_code == {"invalid_money": 2}
    assert found.adds_up


def test_before_admission_the_good_rows_are_not_admitted_yet(story: Story):
    story.judge(accepted=7, rejected=2)
    assert (story.account().not_admitted, story.account().adds_up) == (7, True)


def test_of_a_rejected_file_no_good_row_is_admitted(story: Story):
    story.judge(accepted=7, rejected=3)
    story.record(BATCH, batch.BatchRejected(batch_id=BATCH, at=NOON, code="error_budget_exceeded", reason="too many"))
    found = story.account()
    assert (found.not_admitted, found.open, found.rejection_code) == (7, 0, "error_budget_exceeded")
    assert found.adds_up


def test_a_job_that_was_never_opened_does_not_add_up(story: Story):
    story.judge(accepted=3)
    story.admit([0, 1])
    story.record(
        BATCH, batch.ChunkAdmitted(batch_id=BATCH, at=NOON, chunk=2, row_through=3, jobs=1, duplicates=0)
    )  # Says one job, and none is there.
    found = story.account()
    assert (found.accounted_for, found.rows, found.adds_up) == (2, 3, False)


def test_a_job_that_was_sent_on_is_open_again_and_counts_once(story: Story):
    story.judge(accepted=1)
    story.admit([0])
    story.record(_job(0), *escalated(0))
    story.record(_job(0), job.JobResumed(job_id=_job(0), at=NOON, stage="verify", by="ann"))
    assert (story.account().escalated, story.account().open) == (0, 1)
    story.record(_job(0), *escalated(0))
    story.record(_job(0), job.JobCancelled(job_id=_job(0), at=NOON, by="ann", reason="moved", was_escalated=True))
    found = story.account()
    assert (found.escalated, found.open, found.cancelled, found.failed_attempts) == (0, 0, 1, 2)
    assert found.adds_up


def test_jobs_of_other_batches_are_left_out(story: Story):
    story.judge(accepted=1)
    story.admit([0])
    alone = story.account()
    story.judge(accepted=2, rejected=1, of=OTHER)
    story.admit([5, 6], of=OTHER)
    story.pass_stage(5, "verify", "dispatch", of=OTHER)
    assert story.account() == alone


def test_time_at_a_stage_is_from_coming_to_leaving(story: Story):
    story.judge(accepted=2)
    story.admit([0, 1])  # Opened at +3 s and +4 s.
    story.clock.now = NOON + timedelta(seconds=10)
    story.pass_stage(0, "verify", "dispatch")  # +10 s.
    story.pass_stage(1, "verify", "dispatch")  # +11 s.
    story.pass_stage(0, "dispatch")  # +12 s.
    verify, dispatch = story.account().stages
    assert (verify.stage, verify.jobs, verify.job_seconds) == ("verify", 2, 7 + 7)
    assert (dispatch.stage, dispatch.jobs, dispatch.job_seconds) == ("dispatch", 2, 2)
    assert (verify.first_at, verify.last_at) == (NOON + timedelta(seconds=3), NOON + timedelta(seconds=11))
    found = story.account()
    assert (found.first_opened_at, found.last_settled_at) == (verify.first_at, NOON + timedelta(seconds=12))


def test_an_unknown_batch_has_nothing(story: Story):
    found = fold_account(BATCH, [])
    assert (found.rows, found.accounted_for, found.adds_up, found.received_at) == (0, 0, True, None)
