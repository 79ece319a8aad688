"""The rules of a job, three questions a command: recorded when allowed, refused when not, nothing when repeated."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from dispatch.domain.errors import DomainError
from dispatch.domain.job.commands import (
    Block,
    CancelJob,
    Done,
    GiveUp,
    JobCommand,
    Outcome,
    RecordOutcome,
    ResumeJob,
    StartStage,
    TryAgain,
)
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import (
    Event,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobEvent,
    JobResumed,
    RetryScheduled,
    StageCompleted,
    StageFailed,
    StageStarted,
)
from dispatch.domain.job.keys import idempotency_key
from dispatch.domain.job.refusals import (
    JobAlreadyEnded,
    JobAlreadySent,
    JobNotEscalated,
    JobUnknown,
    RouteEmpty,
    RouteRepeatsStage,
)
from dispatch.domain.person import Person
from dispatch.domain.retry import RetryPolicy
from example_commands import open_job
from examples import ANN, JOB_ID, NOON, opened
from given import Given

FIVE_TIMES = RetryPolicy()
KEY = idempotency_key(JOB_ID, "dispatch")


def of_job(kind: type[Any], **fields: Any) -> Any:
    """An event or a command of the example job."""
    assert issubclass(kind, JobEvent | JobCommand)
    return kind(job_id=JOB_ID, at=NOON, **fields)


def answer(outcome: Outcome, *, stage: str = "verify", attempt: int = 1, chance: float = 0.0) -> RecordOutcome:
    return of_job(RecordOutcome, stage=stage, attempt=attempt, outcome=outcome, retry=FIVE_TIMES, chance=chance)


def failed(attempt: int, error_code: str = "timeout", *, stage: str = "verify", transient: bool = True) -> StageFailed:
    return of_job(StageFailed, stage=stage, attempt=attempt, error_code=error_code, transient=transient)


def retried(*, times: int) -> list[Event]:
    """So many failed attempts at the first stage, each with its retry."""
    events: list[Event] = []
    for attempt in range(1, times + 1):
        due_at = NOON + timedelta(seconds=FIVE_TIMES.delay_s(attempt, 0.0))
        events += [failed(attempt), of_job(RetryScheduled, stage="verify", attempt=attempt + 1, due_at=due_at)]
    return events


def went_on(stage: str, next_stage: str) -> StageCompleted:
    return of_job(StageCompleted, stage=stage, attempt=1, next_stage=next_stage)


def started(stage: str = "dispatch", attempt: int = 1) -> StageStarted:
    return of_job(StageStarted, stage=stage, attempt=attempt, idempotency_key=KEY)


escalated = of_job(JobEscalated, stage="verify", reason="no_such_mailbox")
resume = of_job(ResumeJob, by="ann")
cancel = of_job(CancelJob, by="ann", reason="customer moved")
start = of_job(StartStage, stage="dispatch", attempt=1, idempotency_key=KEY)
at_dispatch = [opened, went_on("verify", "dispatch")]
at_confirm = [*at_dispatch, started(), went_on("dispatch", "confirm")]
ended = {
    "blocked": [opened, of_job(JobBlocked, stage="verify", rule="PE2", reason="no_lawful_basis")],
    "delivered": [*at_confirm, went_on("confirm", ""), of_job(JobDelivered)],
    "cancelled": [opened, of_job(JobCancelled, by="ann", reason="", was_escalated=False)],
}


# OpenJob


def test_a_good_row_becomes_a_job_with_the_route_of_the_day():
    Given(decider).when(open_job).then(opened)


@pytest.mark.parametrize(("route", "refusal"), [((), RouteEmpty), (("verify", "send", "verify"), RouteRepeatsStage)])
def test_a_route_has_each_of_its_stages_once_and_at_least_one(route: tuple[str, ...], refusal: type[DomainError]):
    Given(decider).when(replace(open_job, route=route)).then_refused(refusal)


def test_the_same_row_again_is_the_same_job():
    Given(decider, opened).when(replace(open_job, route=("other",))).then_nothing()


# StartStage


def test_a_start_is_recorded_before_the_provider_is_called():
    Given(decider, *at_dispatch).when(start).then(started())


def test_a_job_that_was_never_opened_cannot_start():
    Given(decider).when(start).then_refused(JobUnknown)


@pytest.mark.parametrize("history", [[opened], at_confirm, *ended.values()], ids=["early", "late", *ended])
def test_a_start_of_another_stage_records_nothing(history: list[Event]):
    Given(decider, *history).when(start).then_nothing()


def test_every_attempt_at_an_effect_carries_the_same_key():
    assert idempotency_key("j1", "dispatch") == "dispatch.j1"


# RecordOutcome


def test_a_stage_that_is_done_hands_over_to_the_next():
    Given(decider, opened).when(answer(Done({"verdict": "valid"}))).then(
        of_job(StageCompleted, stage="verify", attempt=1, next_stage="dispatch", output={"verdict": "valid"})
    )


def test_what_a_stage_learned_of_the_person_replaces_what_was_known():
    known = Person(name="Ann Example", email="new@example.org")
    event = of_job(StageCompleted, stage="verify", attempt=1, next_stage="dispatch", person=known)
    Given(decider, opened).when(answer(Done(person=known))).then(event)
    assert decider.fold([opened]).person == ANN
    assert decider.fold([opened, event]).person == known


def test_the_last_stage_delivers():
    Given(decider, *at_confirm).when(answer(Done(), stage="confirm")).then(
        of_job(StageCompleted, stage="confirm", attempt=1, next_stage=""), of_job(JobDelivered)
    )


@pytest.mark.acceptance("S.03", part="the delay of a retry")
def test_an_accident_is_tried_again_after_backoff_and_jitter():
    Given(decider, opened, *retried(times=2)).when(answer(TryAgain("timeout"), attempt=3, chance=0.5)).then(
        failed(3),
        of_job(RetryScheduled, stage="verify", attempt=4, due_at=NOON + timedelta(seconds=4.125)),
    )


def test_what_the_provider_asked_for_is_honoured():
    Given(decider, opened).when(answer(TryAgain("rate_limited", retry_after_s=90.0))).then(
        failed(1, "rate_limited"),
        of_job(RetryScheduled, stage="verify", attempt=2, due_at=NOON + timedelta(seconds=90)),
    )


@pytest.mark.acceptance("S.03", part="5 attempts")
@pytest.mark.acceptance("X22", part="exhausted work goes before a person, with its history")
def test_out_of_retries_escalates():
    Given(decider, opened, *retried(times=4)).when(answer(TryAgain("timeout"), attempt=5)).then(
        failed(5), of_job(JobEscalated, stage="verify", reason="timeout", transient=True)
    )


def test_giving_up_escalates_at_once():
    Given(decider, opened).when(answer(GiveUp("no_such_mailbox"))).then(
        failed(1, "no_such_mailbox", transient=False), escalated
    )


def test_the_law_blocks_for_good():
    Given(decider, opened).when(answer(Block("PE2", "no_lawful_basis"))).then(
        of_job(JobBlocked, stage="verify", rule="PE2", reason="no_lawful_basis")
    )


def test_a_job_that_was_never_opened_has_no_outcome():
    Given(decider).when(answer(Done())).then_refused(JobUnknown)


@pytest.mark.parametrize("outcome", [Done(), TryAgain("timeout"), GiveUp("refused"), Block("PE2", "no_lawful_basis")])
@pytest.mark.parametrize(
    "history",
    [[opened, *retried(times=1)], at_dispatch, [opened, failed(1), escalated], *ended.values()],
    ids=["older attempt", "later stage", "escalated", *ended],
)
def test_a_late_answer_decides_nothing(history: list[Event], outcome: Outcome):
    Given(decider, *history).when(answer(outcome)).then_nothing()


def test_an_answer_to_an_attempt_that_was_not_made_yet_decides_nothing():
    Given(decider, opened).when(answer(Done(), attempt=2)).then_nothing()


# ResumeJob


def test_an_escalated_job_is_sent_on_by_a_person():
    Given(decider, opened, failed(1), escalated).when(resume).then(of_job(JobResumed, stage="verify", by="ann"))


def test_after_resuming_the_attempts_count_anew_but_their_numbers_go_on():
    history = [opened, *retried(times=4), failed(5), escalated, of_job(JobResumed, stage="verify", by="ann")]
    assert decider.fold(history).attempt == 6
    Given(decider, *history).when(answer(Done(), attempt=1)).then_nothing()
    Given(decider, *history).when(answer(TryAgain("timeout"), attempt=6)).then(
        failed(6), of_job(RetryScheduled, stage="verify", attempt=7, due_at=NOON + timedelta(seconds=1))
    )


@pytest.mark.parametrize("history", [[opened, *retried(times=1)], *ended.values()], ids=["waiting", *ended])
def test_only_an_escalated_job_can_be_resumed(history: list[Event]):
    Given(decider, *history).when(resume).then_refused(JobNotEscalated)


def test_a_job_that_was_never_opened_cannot_be_resumed():
    Given(decider).when(resume).then_refused(JobUnknown)


def test_asked_twice_resumed_once():
    Given(decider, opened).when(resume).then_nothing()


# CancelJob


@pytest.mark.parametrize(
    ("history", "was_escalated"),
    [
        ([opened], False),
        ([opened, *retried(times=1)], False),
        (at_dispatch, False),
        ([opened, failed(1), escalated], True),
    ],
    ids=["running", "waiting", "before the send", "escalated"],
)
def test_a_job_that_was_not_sent_can_be_cancelled(history: list[Event], was_escalated: bool):
    Given(decider, *history).when(cancel).then(
        of_job(JobCancelled, by="ann", reason="customer moved", was_escalated=was_escalated)
    )


@pytest.mark.acceptance("S.05", part="too late to cancel is refused")
@pytest.mark.parametrize("history", [[*at_dispatch, started()], at_confirm], ids=["being sent", "sent"])
def test_what_was_sent_cannot_be_cancelled(history: list[Event]):
    Given(decider, *history).when(cancel).then_refused(JobAlreadySent)


@pytest.mark.parametrize("name", ["blocked", "delivered"])
def test_what_has_ended_stays_as_it_ended(name: str):
    Given(decider, *ended[name]).when(cancel).then_refused(JobAlreadyEnded)


def test_a_job_that_was_never_opened_cannot_be_cancelled():
    Given(decider).when(cancel).then_refused(JobUnknown)


def test_a_job_is_cancelled_once():
    Given(decider, *ended["cancelled"]).when(cancel).then_nothing()


# What people read


def test_a_refusal_says_the_rule_the_job_and_where_it_stands():
    refused = Given(decider, *ended["delivered"]).when(cancel).refusal
    assert refused is not None
    assert (refused.code, str(refused)) == (
        "job_already_ended",
        f"A job that has ended stays as it ended. ({JOB_ID}, delivered)",
    )
