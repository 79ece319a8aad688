"""Dead letters may be put aside, or go on elsewhere: never past consent or the send, and never to a second send."""

from typing import Any

import pytest
from msgspec.structs import replace

from dispatch.domain.errors import DomainError
from dispatch.domain.job.commands import ArchiveJob, Done, GiveUp, RecordOutcome, RerouteJob
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import Event, JobArchived, JobRerouted
from dispatch.domain.job.refusals import (
    JobAlreadyEnded,
    JobAlreadySent,
    JobNotEscalated,
    JobUnknown,
    StageNotInRoute,
    StageNotSkippable,
)
from dispatch.domain.retry import RetryPolicy
from example_commands import open_job
from examples import JOB_ID, NOON
from given import Given

ROUTE = ("validate", "enrich", "verify", "clear", "dispatch", "confirm")
RETRY = RetryPolicy()
archive = ArchiveJob(job_id=JOB_ID, at=NOON, by="ann", reason="told by phone")


def reroute(stage: str) -> RerouteJob:
    return RerouteJob(job_id=JOB_ID, at=NOON, stage=stage, by="ann", reason="verifier is down")


def escalated_at(stage: str) -> list[Event]:
    """The history of a job that failed for good there."""
    opened = decider.decide(replace(open_job, route=ROUTE), decider.initial())
    events = list(opened)
    for name in ROUTE[: ROUTE.index(stage) + 1]:
        outcome: Any = GiveUp("no_such_mailbox") if name == stage else Done()
        command = RecordOutcome(job_id=JOB_ID, at=NOON, stage=name, attempt=1, outcome=outcome, retry=RETRY)
        events += decider.decide(command, decider.fold(events))
    return events


def rerouted(here: str, there: str, attempt: int = 2) -> JobRerouted:
    return JobRerouted(
        job_id=JOB_ID, at=NOON, from_stage=here, stage=there, attempt=attempt, by="ann", reason="verifier is down"
    )


@pytest.mark.parametrize(
    ("here", "there"),
    [("verify", "clear"), ("verify", "verify"), ("verify", "validate"), ("enrich", "clear"), ("dispatch", "enrich")],
)
def test_a_dead_letter_goes_on_at_another_stage(here: str, there: str):
    Given(decider, *escalated_at(here)).when(reroute(there)).then(rerouted(here, there))


@pytest.mark.parametrize(
    ("here", "there"), [("verify", "dispatch"), ("clear", "dispatch"), ("validate", "confirm"), ("dispatch", "confirm")]
)
def test_neither_consent_nor_the_send_can_be_skipped(here: str, there: str):
    Given(decider, *escalated_at(here)).when(reroute(there)).then_refused(StageNotSkippable)


def test_nor_can_they_by_going_back_first():
    back = [*escalated_at("dispatch"), rerouted("dispatch", "verify")]
    failed = RecordOutcome(job_id=JOB_ID, at=NOON, stage="verify", attempt=2, outcome=GiveUp("gone"), retry=RETRY)
    history = [*back, *decider.decide(failed, decider.fold(back))]
    Given(decider, *history).when(reroute("dispatch")).then_refused(StageNotSkippable)


@pytest.mark.parametrize("there", ["dispatch", "enrich"])
def test_what_was_sent_is_not_sent_again(there: str):
    Given(decider, *escalated_at("confirm")).when(reroute(there)).then_refused(JobAlreadySent)


def test_a_late_answer_to_an_attempt_before_decides_nothing_after():
    history = [*escalated_at("verify"), rerouted("verify", "enrich")]
    late = RecordOutcome(job_id=JOB_ID, at=NOON, stage="enrich", attempt=1, outcome=Done(), retry=RETRY)
    Given(decider, *history).when(late).then_nothing()
    assert decider.fold(history).attempt == 2


@pytest.mark.parametrize(
    ("history", "refusal"),
    [
        ([], StageNotInRoute),
        (escalated_at("verify")[:3], JobNotEscalated),
        ([*escalated_at("verify"), JobArchived(job_id=JOB_ID, at=NOON, stage="verify", by="a", reason="b")],
         JobAlreadyEnded),
    ],
    ids=["unknown", "running", "archived"],
)  # fmt: skip
def test_only_a_dead_letter_is_rerouted(history: list[Event], refusal: type[DomainError]):
    kind = JobUnknown if refusal is StageNotInRoute else refusal
    Given(decider, *history).when(reroute("clear")).then_refused(kind)


def test_a_stage_that_is_not_on_the_route_is_refused():
    Given(decider, *escalated_at("verify")).when(reroute("translate")).then_refused(StageNotInRoute)


@pytest.mark.parametrize("here", ["verify", "confirm"], ids=["not sent", "sent"])
def test_a_dead_letter_is_put_aside(here: str):
    put_aside = JobArchived(job_id=JOB_ID, at=NOON, stage=here, by="ann", reason="told by phone")
    Given(decider, *escalated_at(here)).when(archive).then(put_aside)
    assert decider.fold([*escalated_at(here), put_aside]).ended


def test_only_a_dead_letter_is_put_aside():
    Given(decider, *escalated_at("verify")[:3]).when(archive).then_refused(JobNotEscalated)
    Given(decider).when(archive).then_refused(JobUnknown)
