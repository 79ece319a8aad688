"""The rules of jobs that are before people: who has one, until when, and how it goes on."""

from typing import assert_never

from dispatch.domain.batch.desk import LEVELS
from dispatch.domain.job.commands import (
    OUTCOME_UNKNOWN,
    AssignEscalation,
    Done,
    OfPeople,
    RaiseEscalation,
    SettleDoubt,
    SnoozeEscalation,
)
from dispatch.domain.job.completing import complete
from dispatch.domain.job.events import (
    DoubtSettled,
    EscalationAssigned,
    EscalationRaised,
    EscalationSnoozed,
    Event,
    Output,
)
from dispatch.domain.job.refusals import (
    JobNotEscalated,
    NothingInDoubt,
    SnoozeInThePast,
)
from dispatch.domain.job.state import Job, JobStatus


def decide_of_people(command: OfPeople, job: Job) -> list[Event]:
    """The events that this command makes of a job that was opened.

    Raises:
        JobNotEscalated, NothingInDoubt, SnoozeInThePast: the command breaks a rule.
    """
    match command:
        case SettleDoubt():
            return settle_doubt(command, job)
        case AssignEscalation():
            return assign(command, job)
        case SnoozeEscalation():
            return snooze(command, job)
        case RaiseEscalation():
            return raise_level(command, job)
        case _:
            assert_never(command)


def settle_doubt(command: SettleDoubt, job: Job) -> list[Event]:
    if job.status is JobStatus.RUNNING or "settled_by" in job.outputs.get(job.stage, {}):
        return []  # Said twice, settled once.
    if job.status is not JobStatus.ESCALATED or job.escalated_for != OUTCOME_UNKNOWN:
        raise NothingInDoubt(command.job_id, job.status)
    settled = DoubtSettled(
        job_id=command.job_id,
        at=command.at,
        stage=job.stage,
        happened=command.happened,
        by=command.by,
        note=command.note,
    )
    if not command.happened:
        return [settled]
    output: Output = {"settled_by": command.by}
    if job.provider:
        output["provider"] = job.provider
    return [settled, *complete(command, job, job.stage, job.attempt, Done(output))]


def assign(command: AssignEscalation, job: Job) -> list[Event]:
    _before_people(command, job)
    if job.assignee == command.to:
        return []
    return [EscalationAssigned(job_id=command.job_id, at=command.at, to=command.to, by=command.by)]


def snooze(command: SnoozeEscalation, job: Job) -> list[Event]:
    _before_people(command, job)
    if job.snoozed_until == command.until:
        return []
    if command.until <= command.at:
        raise SnoozeInThePast(command.job_id, command.until)
    return [
        EscalationSnoozed(
            job_id=command.job_id, at=command.at, until=command.until, by=command.by, reason=command.reason
        )
    ]


def raise_level(command: RaiseEscalation, job: Job) -> list[Event]:
    level = min(command.level, LEVELS)
    if job.status is not JobStatus.ESCALATED or level <= job.level:
        return []  # Somebody was faster.
    return [EscalationRaised(job_id=command.job_id, at=command.at, level=level)]


def _before_people(command: OfPeople, job: Job) -> None:
    if job.status is not JobStatus.ESCALATED:
        raise JobNotEscalated(command.job_id, job.status)
