"""Providers that could not be used, attempts that were put off, and outcomes that nobody knows."""

from datetime import timedelta
from typing import Any

import pytest

from dispatch.domain.job.commands import (
    OUTCOME_UNKNOWN,
    CancelJob,
    Defer,
    GiveUp,
    PassOver,
    RecordOutcome,
    ResumeJob,
    SettleDoubt,
    StartStage,
    TryAgain,
)
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import (
    DoubtSettled,
    FailedOver,
    JobCancelled,
    JobEscalated,
    RetryScheduled,
    StageCompleted,
    StageDeferred,
    StageFailed,
    StageStarted,
)
from dispatch.domain.job.refusals import JobAlreadySent, NothingInDoubt, OutcomeInDoubt
from dispatch.domain.job.state import JobStatus
from dispatch.domain.retry import RetryPolicy
from examples import JOB_ID, NOON, opened
from given import Given

LATER = NOON + timedelta(seconds=5)


def of_job(kind: type[Any], **fields: Any) -> Any:
    return kind(**{"job_id": JOB_ID, "at": NOON} | fields)


def answer(outcome: object, attempt: int = 1, stage: str = "dispatch", provider: str = "main") -> RecordOutcome:
    return of_job(RecordOutcome, stage=stage, attempt=attempt, outcome=outcome, retry=RetryPolicy(), provider=provider)


def started(provider: str = "main", attempt: int = 1) -> StageStarted:
    return of_job(StageStarted, stage="dispatch", attempt=attempt, idempotency_key="key", provider=provider)


at_dispatch = [opened, of_job(StageCompleted, stage="verify", attempt=1, next_stage="dispatch")]
unknown = [
    *at_dispatch,
    started(),
    of_job(
        StageFailed,
        stage="dispatch",
        attempt=1,
        error_code=OUTCOME_UNKNOWN,
        transient=False,
        provider="main",
        in_doubt=True,
    ),
    of_job(JobEscalated, stage="dispatch", reason=OUTCOME_UNKNOWN, provider="main"),
]


def test_a_provider_that_could_not_be_used_is_passed_over_and_the_attempt_starts_with_the_next():
    passed = of_job(FailedOver, stage="dispatch", attempt=1, provider="main", error_code="connection_refused")
    pass_over = of_job(PassOver, stage="dispatch", attempt=1, provider="main", error_code="connection_refused")
    Given(decider, *at_dispatch, started()).when(pass_over).then(passed)
    start = of_job(StartStage, stage="dispatch", attempt=1, idempotency_key="key", provider="spare")
    Given(decider, *at_dispatch, started(), passed).when(start).then(started("spare"))


def test_a_late_word_about_a_provider_changes_nothing():
    pass_over = of_job(PassOver, stage="verify", attempt=1, provider="main", error_code="connection_refused")
    Given(decider, *at_dispatch).when(pass_over).then_nothing()


def test_the_next_attempt_begins_with_the_first_provider_again():
    job = decider.fold(
        [
            *at_dispatch,
            of_job(FailedOver, stage="dispatch", attempt=1, provider="main", error_code="connection_refused"),
            of_job(StageFailed, stage="dispatch", attempt=1, error_code="server_error", transient=True),
        ]
    )
    assert job.passed_over == ()


def test_what_is_put_off_waits_and_costs_no_attempt():
    put_off = of_job(StageDeferred, stage="dispatch", attempt=1, reason="spend_cap:main", due_at=LATER)
    Given(decider, *at_dispatch).when(answer(Defer("spend_cap:main", 5.0))).then(put_off)
    job = decider.fold([*at_dispatch, put_off])
    assert (job.status, job.attempt, job.due_at) == (JobStatus.WAITING, 1, LATER)
    cancelled = of_job(JobCancelled, by="ann", reason="moved", was_escalated=False)
    Given(decider, *at_dispatch, put_off).when(of_job(CancelJob, by="ann", reason="moved")).then(cancelled)


def test_a_start_whose_answer_is_missing_stays_in_doubt_when_it_is_put_off():
    put_off = of_job(StageDeferred, stage="dispatch", attempt=1, reason="breaker_open:main", due_at=LATER)
    job = decider.fold([*at_dispatch, started(), put_off])
    assert (job.may_have_acted, job.provider) == (True, "main")
    Given(decider, *at_dispatch, started(), put_off).when(of_job(CancelJob, by="ann", reason="moved")).then_refused(
        JobAlreadySent
    )


def test_a_failure_in_doubt_says_so_and_is_tried_again_by_the_policy():
    Given(decider, *at_dispatch, started()).when(answer(TryAgain("timeout", in_doubt=True))).then(
        of_job(
            StageFailed,
            stage="dispatch",
            attempt=1,
            error_code="timeout",
            transient=True,
            provider="main",
            in_doubt=True,
        ),
        of_job(RetryScheduled, stage="dispatch", attempt=2, due_at=NOON + timedelta(seconds=1)),
    )


def test_a_job_in_doubt_cannot_be_cancelled_although_no_attempt_runs():
    failed = of_job(StageFailed, stage="dispatch", attempt=1, error_code="timeout", transient=True, in_doubt=True)
    Given(decider, *at_dispatch, started(), failed).when(of_job(CancelJob, by="ann", reason="")).then_refused(
        JobAlreadySent
    )


def test_an_outcome_that_nobody_knows_is_not_tried_again_before_a_person_has_said_what_happened():
    Given(decider, *at_dispatch, started()).when(answer(GiveUp(OUTCOME_UNKNOWN, in_doubt=True))).then(*unknown[-2:])
    Given(decider, *unknown).when(of_job(ResumeJob, by="ann")).then_refused(OutcomeInDoubt)


def test_what_had_not_happened_is_done_now():
    settled = of_job(DoubtSettled, stage="dispatch", happened=False, by="ann", note="not in their log")
    Given(decider, *unknown).when(of_job(SettleDoubt, by="ann", happened=False, note="not in their log")).then(settled)
    job = decider.fold([*unknown, settled])
    assert (job.status, job.attempt, job.forgiven, job.in_doubt) == (JobStatus.RUNNING, 2, 1, False)


def test_what_had_happened_is_completed_and_never_done_again():
    Given(decider, *unknown).when(of_job(SettleDoubt, by="ann", happened=True, note="it is in their log")).then(
        of_job(DoubtSettled, stage="dispatch", happened=True, by="ann", note="it is in their log"),
        of_job(
            StageCompleted,
            stage="dispatch",
            attempt=2,
            next_stage="confirm",
            output={"settled_by": "ann", "provider": "main"},
        ),
    )


@pytest.mark.parametrize(
    "history", [[*at_dispatch[:1]], [*unknown[:-1], of_job(JobEscalated, stage="dispatch", reason="x")]]
)
def test_where_nothing_is_in_doubt_nothing_is_settled(history):
    command = of_job(SettleDoubt, by="ann", happened=False, note="")
    if len(history) == 1:
        Given(decider, *history).when(command).then_nothing()
    else:
        Given(decider, *history).when(command).then_refused(NothingInDoubt)
