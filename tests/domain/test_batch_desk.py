"""The approval desk, priorities, corrections, undo and reset: recorded when allowed, refused when not, once."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from dispatch.domain.batch import commands as ask
from dispatch.domain.batch import events as happened
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.desk import DeskRules, Priority
from dispatch.domain.batch.refusals import (
    ApproverBroughtIt,
    BatchBusy,
    BatchHasJobs,
    BatchNotAwaitingApproval,
    BatchTakenBack,
    BatchTakenIn,
    BatchUnknown,
    BatchWhole,
    NothingToUndo,
)
from dispatch.domain.rows import ThresholdOutOfRange
from example_commands import judgement
from examples import BAD_MONEY, BATCH_ID, CORRECTION_HASH, NOON, received
from given import Given

LOOK = DeskRules(warning_percent=2, value_pence_max=100_000)
HALF_AN_HOUR = timedelta(minutes=30)


def of_batch(kind: type[Any], **fields: Any) -> Any:
    """An event or a command of the example batch."""
    return kind(**({"batch_id": BATCH_ID, "at": NOON} | fields))


def judged(desk: DeskRules | None = None, *, rejected: int = 1, value_pence: int = 0) -> list[happened.Event]:
    """Received, and judged under these rules: twenty rows."""
    command = replace(
        judgement(accepted=20 - rejected, rejected=rejected), desk=desk or DeskRules(), value_pence=value_pence
    )
    return [received, *decider.decide(command, decider.fold([received]))]


def decision(kind: type[Any], by: str = "eve", **fields: Any) -> Any:
    return of_batch(kind, by=by, reason="because", **fields)


def correction(file_hash: str = CORRECTION_HASH) -> ask.ReceiveCorrection:
    return of_batch(ask.ReceiveCorrection, file_name="corrected.csv", file_hash=file_hash, file_bytes=256, by="ann")


def came(number: int = 1, file_hash: str = CORRECTION_HASH, *, rejudges: bool = False) -> happened.CorrectionReceived:
    return of_batch(
        happened.CorrectionReceived,
        correction=number,
        file_name="corrected.csv",
        file_hash=file_hash,
        file_bytes=256,
        rejudges=rejudges,
        by="ann",
    )


def repair(*rows: int, duplicates: tuple[int, ...] = (), number: int = 1) -> ask.RepairRows:
    return of_batch(ask.RepairRows, correction=number, rows=rows, duplicates=duplicates)


def finish(accepted: int, rejected: int = 0, number: int = 1) -> ask.FinishCorrection:
    return of_batch(
        ask.FinishCorrection,
        correction=number,
        rows=accepted + rejected,
        accepted=accepted,
        rejected=rejected,
        duplicates=0,
        ignored=0,
        errors=(BAD_MONEY,) * rejected,
        errors_by_code={"invalid_money": rejected} if rejected else {},
    )


waiting = judged(LOOK)
processing = [
    *judged(rejected=2),
    of_batch(happened.ChunkAdmitted, chunk=1, row_through=20, jobs=18, duplicates=0),
    of_batch(happened.BatchAdmitted, jobs=18, duplicates=0, db_duration_ms=1),
]
closed = of_batch(happened.BatchClosed, outcome="complete_with_exceptions", delivered=18, blocked=0, cancelled=0)
undoing = [*processing, of_batch(happened.UndoRequested, by="eve", reason="because")]
undone = [*undoing, of_batch(happened.BatchUndone, cancelled=18, kept=0)]


# The desk


@pytest.mark.acceptance("1.59", part="who is asked, and why")
@pytest.mark.parametrize(
    ("desk", "value_pence", "reason"),
    [
        (LOOK, 0, "Error rate 5.0% is above the warning rate 2%"),
        (DeskRules(value_pence_max=100_000), 100_001, "Value £1,000.01 is above £1,000.00"),
        (LOOK, 200_000, "Error rate 5.0% is above the warning rate 2%; Value £2,000.00 is above £1,000.00"),
    ],
)
def test_a_batch_above_a_warning_waits_for_a_person(desk: DeskRules, value_pence: int, reason: str):
    assert judged(desk, value_pence=value_pence)[-1] == of_batch(
        happened.ApprovalRequested, reason=reason, due_at=NOON + HALF_AN_HOUR, other_person=False
    )


@pytest.mark.parametrize("desk", [DeskRules(), DeskRules(warning_percent=5, value_pence_max=0)])
def test_a_batch_at_or_below_each_warning_is_let_in(desk: DeskRules):
    assert isinstance(judged(desk)[-1], happened.BatchJudged)


def test_a_broken_budget_is_rejected_and_nobody_is_asked():
    assert isinstance(judged(LOOK, rejected=10)[-1], happened.BatchRejected)


def test_nothing_is_admitted_while_a_person_is_asked():
    chunk = of_batch(ask.AdmitChunk, chunk=1, row_through=20, jobs=19, duplicates=0)
    Given(decider, *waiting).when(chunk).then_nothing()


@pytest.mark.acceptance("1.59", part="the answer")
def test_a_person_lets_a_batch_in_or_rejects_it_with_a_reason():
    Given(decider, *waiting).when(decision(ask.ApproveBatch)).then(
        of_batch(happened.BatchApproved, by="eve", reason="because")
    )
    Given(decider, *waiting).when(decision(ask.RefuseBatch)).then(
        of_batch(happened.BatchRejected, code="refused_by_a_person", reason="because", by="eve")
    )


def test_one_answer_is_enough_and_a_second_one_is_told_so():
    approved = of_batch(happened.BatchApproved, by="eve", reason="because")
    Given(decider, *waiting, approved).when(decision(ask.ApproveBatch)).then_nothing()
    Given(decider, *waiting, approved).when(decision(ask.RefuseBatch)).then_refused(BatchNotAwaitingApproval)
    Given(decider, *judged()).when(decision(ask.ApproveBatch)).then_refused(BatchNotAwaitingApproval)
    Given(decider).when(decision(ask.ApproveBatch)).then_refused(BatchUnknown)


def test_under_the_two_person_rule_whoever_brought_the_file_cannot_let_it_in():
    given = Given(decider, *judged(replace(LOOK, other_person=True)))
    given.when(decision(ask.ApproveBatch, by="ann")).then_refused(ApproverBroughtIt)
    assert given.when(decision(ask.RefuseBatch, by="ann")).events, "but may reject it"
    given.when(decision(ask.ApproveBatch, by="eve")).then(of_batch(happened.BatchApproved, by="eve", reason="because"))


@pytest.mark.acceptance("1.39", part="a batch that nobody answers goes up level by level")
def test_silence_goes_one_level_up_until_the_last():
    late = NOON + HALF_AN_HOUR
    second = of_batch(happened.ApprovalEscalated, at=late, level=2, due_at=late + HALF_AN_HOUR)
    third = of_batch(happened.ApprovalEscalated, at=late + HALF_AN_HOUR, level=3, due_at=None)

    def asked(at: Any) -> ask.EscalateApproval:
        return of_batch(ask.EscalateApproval, at=at)

    Given(decider, *waiting).when(asked(late - timedelta(seconds=1))).then_nothing()
    Given(decider, *waiting).when(asked(late)).then(second)
    Given(decider, *waiting, second).when(asked(late)).then_nothing()
    Given(decider, *waiting, second).when(asked(late + HALF_AN_HOUR)).then(third)
    Given(decider, *waiting, second, third).when(asked(late + timedelta(days=9))).then_nothing()


@pytest.mark.acceptance("1.57", part="a person may change the priority")
def test_a_priority_changes_while_the_batch_waits_to_be_taken_in():
    urgent = decision(ask.PrioritiseBatch, priority=Priority.URGENT)
    Given(decider, received).when(urgent).then(
        of_batch(happened.BatchPrioritised, priority=Priority.URGENT, by="eve", reason="because")
    )
    Given(decider, received).when(decision(ask.PrioritiseBatch, priority=Priority.HIGH)).then_nothing()
    Given(decider, *processing).when(urgent).then_refused(BatchTakenIn)


# Corrections


@pytest.mark.parametrize("history", [waiting, judged(rejected=10)], ids=["awaiting approval", "rejected"])
def test_corrected_rows_of_what_is_not_admitted_have_the_whole_batch_judged_again(history: list[happened.Event]):
    Given(decider, *history).when(correction()).then(came(rejudges=True))
    again = decider.fold([*history, came(rejudges=True)])
    better = decider.decide(judgement(accepted=20), again)
    assert [type(event) for event in better] == [happened.BatchJudged]
    assert decider.fold(better, again).corrections_judged == 1


@pytest.mark.parametrize("history", [processing, [*processing, closed]], ids=["processing", "closed"])
def test_corrected_rows_of_an_admitted_batch_become_jobs_of_it(history: list[happened.Event]):
    Given(decider, *history).when(correction()).then(came())
    given = Given(decider, *history, came())
    given.when(repair(3)).then(of_batch(happened.RowsRepaired, correction=1, rows=(3,), duplicates=()))
    mended = decider.fold([*history, came(), *given.when(repair(3, duplicates=(4,))).events])
    assert (mended.jobs, mended.accepted, mended.rejected, mended.duplicates) == (19, 19, 0, 1)
    assert mended.status == "processing"


def test_a_row_is_mended_once_however_often_it_is_sent():
    once = of_batch(happened.RowsRepaired, correction=1, rows=(3,), duplicates=())
    Given(decider, *processing, came(), once).when(repair(3)).then_nothing()
    Given(decider, *processing, came()).when(repair(3, number=2)).then_nothing()


def test_a_correction_that_was_judged_says_what_it_came_to():
    answer = Given(decider, *processing, came()).when(finish(1, rejected=1)).events
    assert [type(event) for event in answer] == [happened.RowsRefused, happened.CorrectionJudged]
    assert answer[0] == of_batch(happened.RowsRefused, errors=(BAD_MONEY,), correction=1)


def test_the_same_corrections_again_change_nothing_and_others_are_the_next():
    Given(decider, *processing, came()).when(correction()).then_nothing()
    Given(decider, *processing, came()).when(correction("a" * 64)).then(came(2, "a" * 64))


def test_a_batch_with_corrections_to_judge_is_not_closed():
    close = of_batch(ask.CloseBatch, delivered=18, blocked=0, cancelled=0)
    Given(decider, *processing, came()).when(close).then_refused(BatchBusy)
    done = decider.decide(finish(0), decider.fold([*processing, came()]))
    assert Given(decider, *processing, came(), *done).when(close).events == [closed]


def test_when_corrections_cannot_be_taken():
    whole = [
        *judged(rejected=0),
        of_batch(happened.ChunkAdmitted, chunk=1, row_through=20, jobs=20, duplicates=0),
        of_batch(happened.BatchAdmitted, jobs=20, duplicates=0, db_duration_ms=1),
    ]
    Given(decider).when(correction()).then_refused(BatchUnknown)
    Given(decider, received).when(correction()).then_refused(BatchBusy)
    Given(decider, *judged()).when(correction()).then_refused(BatchBusy)
    Given(decider, *whole).when(correction()).then_refused(BatchWhole)
    Given(decider, *undone).when(correction()).then_refused(BatchTakenBack)


# Undo and reset


@pytest.mark.parametrize("history", [judged(), processing, [*processing, closed]])
def test_an_import_is_taken_back_and_nothing_more_of_it_admitted(history: list[happened.Event]):
    Given(decider, *history).when(decision(ask.UndoBatch)).then(
        of_batch(happened.UndoRequested, by="eve", reason="because")
    )
    chunk = of_batch(ask.AdmitChunk, chunk=9, row_through=999, jobs=1, duplicates=0)
    Given(decider, *history, undoing[-1]).when(chunk).then_nothing()


def test_undoing_ends_with_its_counts_and_is_done_once():
    end = of_batch(ask.FinishUndo, cancelled=17, kept=1)
    Given(decider, *undoing).when(end).then(of_batch(happened.BatchUndone, cancelled=17, kept=1))
    Given(decider, *undone).when(end).then_nothing()
    Given(decider, *undone).when(decision(ask.UndoBatch)).then_nothing()
    Given(decider, *judged(rejected=10)).when(decision(ask.UndoBatch)).then_refused(NothingToUndo)
    Given(decider, received).when(decision(ask.UndoBatch)).then_refused(NothingToUndo)


@pytest.mark.acceptance("1.37", part="the file is judged again from the beginning")
@pytest.mark.parametrize("history", [waiting, judged(rejected=10), undone], ids=["waiting", "rejected", "undone"])
def test_a_batch_without_jobs_is_reset(history: list[happened.Event]):
    again = Given(decider, *history).when(decision(ask.ResetBatch, error_threshold_percent=50)).events
    assert again == [of_batch(happened.BatchReset, error_threshold_percent=50, by="eve", reason="because")]
    batch = decider.fold([*history, *again])
    assert (batch.status, batch.jobs, batch.rows, batch.resets) == ("uploaded", 0, 0, 1)
    assert batch.file_hash == received.file_hash
    [*_, last] = decider.decide(judgement(accepted=10, rejected=10), batch)
    assert isinstance(last, happened.BatchJudged)


@pytest.mark.parametrize("history", [judged(), processing, [*processing, closed], undoing])
def test_a_batch_with_jobs_is_undone_before_it_is_reset(history: list[happened.Event]):
    Given(decider, *history).when(decision(ask.ResetBatch)).then_refused(BatchHasJobs)


def test_resetting_keeps_the_rules_of_the_budget():
    Given(decider, *undone).when(decision(ask.ResetBatch, error_threshold_percent=101)).then_refused(
        ThresholdOutOfRange
    )
    Given(decider, received).when(decision(ask.ResetBatch)).then_nothing()
