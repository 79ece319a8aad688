"""Jobs before people: who has one, until when nobody is reminded, and which level is asked."""

from datetime import timedelta
from typing import Any

import pytest

from dispatch.domain.job.commands import AssignEscalation, RaiseEscalation, ResumeJob, SnoozeEscalation
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import (
    EscalationAssigned,
    EscalationRaised,
    EscalationSnoozed,
    JobEscalated,
    JobResumed,
    StageFailed,
)
from dispatch.domain.job.refusals import JobNotEscalated, JobUnknown, SnoozeInThePast
from examples import JOB_ID, NOON, opened
from given import Given

LATER = NOON + timedelta(hours=2)


def of_job(kind: type[Any], **fields: Any) -> Any:
    return kind(**{"job_id": JOB_ID, "at": NOON} | fields)


before_people = [
    opened,
    of_job(StageFailed, stage="verify", attempt=1, error_code="no_such_contact", transient=False),
    of_job(JobEscalated, stage="verify", reason="no_such_contact"),
]
assign = of_job(AssignEscalation, to="eve", by="ann")
snooze = of_job(SnoozeEscalation, until=LATER, by="eve", reason="they answer at two")
commands = [assign, snooze]


def test_somebody_takes_it_and_gives_it_back():
    taken = of_job(EscalationAssigned, to="eve", by="ann")
    Given(decider, *before_people).when(assign).then(taken)
    back = of_job(AssignEscalation, to="", by="eve")
    Given(decider, *before_people, taken).when(back).then(of_job(EscalationAssigned, to="", by="eve"))
    Given(decider, *before_people).when(back).then_nothing()


def test_it_can_be_put_off_to_a_later_time_only():
    put_off = of_job(EscalationSnoozed, until=LATER, by="eve", reason="they answer at two")
    Given(decider, *before_people).when(snooze).then(put_off)
    early = of_job(SnoozeEscalation, until=NOON, by="eve", reason="")
    Given(decider, *before_people).when(early).then_refused(SnoozeInThePast)


@pytest.mark.parametrize("command", commands, ids=["assign", "snooze"])
def test_only_what_is_before_people_is_had_by_somebody(command):
    Given(decider, opened).when(command).then_refused(JobNotEscalated)
    Given(decider).when(command).then_refused(JobUnknown)


@pytest.mark.acceptance("1.39", part="three levels, each asked once, for jobs too")
def test_silence_raises_the_level_and_never_lowers_it():
    raised = of_job(EscalationRaised, level=2)
    Given(decider, *before_people).when(of_job(RaiseEscalation, level=2)).then(raised)
    Given(decider, *before_people, raised).when(of_job(RaiseEscalation, level=2)).then_nothing()
    Given(decider, *before_people, raised).when(of_job(RaiseEscalation, level=9)).then(
        of_job(EscalationRaised, level=3)
    )
    Given(decider, opened).when(of_job(RaiseEscalation, level=2)).then_nothing()


def test_what_is_sent_on_and_fails_again_begins_at_the_first_level_with_nobody():
    history = [
        *before_people,
        of_job(EscalationAssigned, to="eve", by="ann"),
        of_job(EscalationRaised, level=3),
        of_job(JobResumed, stage="verify", by="eve"),
        of_job(JobEscalated, stage="verify", reason="no_such_contact"),
    ]
    job = decider.fold(history)
    assert (job.level, job.assignee, job.snoozed_until) == (1, "", None)
    assert decider.fold(history[:-1]).level == 0


def test_who_has_it_does_not_matter_for_sending_it_on():
    Given(decider, *before_people, of_job(EscalationAssigned, to="eve", by="ann")).when(
        of_job(ResumeJob, by="bob")
    ).then(of_job(JobResumed, stage="verify", by="bob"))
