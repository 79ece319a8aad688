"""The rules of a job: one stage after the other, retries until the policy is spent, then a person."""

from datetime import timedelta
from typing import assert_never

from dispatch.domain.decider import Decider
from dispatch.domain.job.commands import (
    ArchiveJob,
    Block,
    CancelJob,
    Command,
    Done,
    GiveUp,
    JobCommand,
    OpenJob,
    RecordOutcome,
    RerouteJob,
    ResumeJob,
    StartStage,
    TryAgain,
)
from dispatch.domain.job.events import (
    Event,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobOpened,
    JobResumed,
    RetryScheduled,
    StageCompleted,
    StageFailed,
    StageStarted,
)
from dispatch.domain.job.refusals import (
    JobAlreadyEnded,
    JobAlreadySent,
    JobNotEscalated,
    JobUnknown,
    RouteEmpty,
    RouteRepeatsStage,
)
from dispatch.domain.job.rerouting import archive, reroute
from dispatch.domain.job.state import AT_A_STAGE, Job, JobStatus, evolve


def decide(command: Command, job: Job) -> list[Event]:
    """The events that this command makes of this job; none when it was carried out before.

    Raises:
        JobUnknown, RouteEmpty, RouteRepeatsStage, JobNotEscalated, JobAlreadySent, JobAlreadyEnded, StageNotInRoute,
            StageNotSkippable: the command breaks a rule.
    """
    match command:
        case OpenJob():
            return open_job(command, job)
        case StartStage():
            return start(command, job)
        case RecordOutcome():
            return record_outcome(command, job)
        case ResumeJob():
            return resume(command, job)
        case CancelJob():
            return cancel(command, job)
        case ArchiveJob():
            _known(command, job)
            return archive(command, job)
        case RerouteJob():
            _known(command, job)
            return reroute(command, job)
        case _:
            assert_never(command)


def open_job(command: OpenJob, job: Job) -> list[Event]:
    if job.status is not None:
        return []
    if not command.route:
        raise RouteEmpty(command.job_id)
    if len(set(command.route)) < len(command.route):
        raise RouteRepeatsStage(command.job_id, *command.route)
    return [
        JobOpened(
            job_id=command.job_id,
            at=command.at,
            batch_id=command.batch_id,
            row=command.row,
            reference=command.reference,
            service=command.service,
            price_pence=command.price_pence,
            route=command.route,
            person=command.person,
            permission=command.permission,
            details=command.details,
        )
    ]


def start(command: StartStage, job: Job) -> list[Event]:
    _known(command, job)
    if not _answers(job, command.stage, command.attempt) or job.started_attempt >= command.attempt:
        return []
    return [
        StageStarted(
            job_id=command.job_id,
            at=command.at,
            stage=command.stage,
            attempt=command.attempt,
            idempotency_key=command.idempotency_key,
        )
    ]


def record_outcome(command: RecordOutcome, job: Job) -> list[Event]:
    _known(command, job)
    if not _answers(job, command.stage, command.attempt):
        return []  # A late or repeated answer: this attempt was settled before.
    match command.outcome:
        case Done() as done:
            return _completed(command, job, done)
        case TryAgain() as answer:
            return _try_again(command, job, answer)
        case GiveUp(error_code):
            return _give_up(command, error_code, transient=False)
        case Block(rule, reason):
            return [JobBlocked(job_id=command.job_id, at=command.at, stage=command.stage, rule=rule, reason=reason)]
        case _:
            assert_never(command.outcome)


def resume(command: ResumeJob, job: Job) -> list[Event]:
    _known(command, job)
    if job.status is JobStatus.RUNNING:
        return []  # Asked twice, resumed once.
    if job.status is not JobStatus.ESCALATED:
        raise JobNotEscalated(command.job_id, job.status)
    return [JobResumed(job_id=command.job_id, at=command.at, stage=job.stage, by=command.by)]


def cancel(command: CancelJob, job: Job) -> list[Event]:
    _known(command, job)
    if job.status is JobStatus.CANCELLED:
        return []
    if job.ended:
        raise JobAlreadyEnded(command.job_id, job.status)
    if job.sent or job.started_attempt:
        raise JobAlreadySent(command.job_id)
    return [
        JobCancelled(
            job_id=command.job_id,
            at=command.at,
            by=command.by,
            reason=command.reason,
            was_escalated=job.status is JobStatus.ESCALATED,
        )
    ]


def _completed(command: RecordOutcome, job: Job, done: Done) -> list[Event]:
    here = job.route.index(command.stage)
    next_stage = job.route[here + 1] if here + 1 < len(job.route) else ""
    events: list[Event] = [
        StageCompleted(
            job_id=command.job_id,
            at=command.at,
            stage=command.stage,
            attempt=command.attempt,
            next_stage=next_stage,
            output=done.output,
            person=done.person,
        )
    ]
    if not next_stage:
        events.append(JobDelivered(job_id=command.job_id, at=command.at))
    return events


def _try_again(command: RecordOutcome, job: Job, answer: TryAgain) -> list[Event]:
    tried = command.attempt - job.forgiven
    if command.retry.exhausted(tried):
        return _give_up(command, answer.error_code, transient=True)
    delay_s = command.retry.delay_s(tried, command.chance, answer.retry_after_s)
    return [
        _failed(command, answer.error_code, transient=True),
        RetryScheduled(
            job_id=command.job_id,
            at=command.at,
            stage=command.stage,
            attempt=command.attempt + 1,
            due_at=command.at + timedelta(seconds=delay_s),
        ),
    ]


def _give_up(command: RecordOutcome, error_code: str, *, transient: bool) -> list[Event]:
    return [
        _failed(command, error_code, transient=transient),
        JobEscalated(job_id=command.job_id, at=command.at, stage=command.stage, reason=error_code),
    ]


def _failed(command: RecordOutcome, error_code: str, *, transient: bool) -> StageFailed:
    return StageFailed(
        job_id=command.job_id,
        at=command.at,
        stage=command.stage,
        attempt=command.attempt,
        error_code=error_code,
        transient=transient,
    )


def idempotency_key(job_id: str, stage: str) -> str:
    """One key per effect, the same for every attempt at it: a provider that honours keys acts at most once."""
    return f"{stage}.{job_id}"


def _known(command: JobCommand, job: Job) -> None:
    if job.status is None:
        raise JobUnknown(command.job_id)


def _answers(job: Job, stage: str, attempt: int) -> bool:
    return job.status in AT_A_STAGE and job.stage == stage and job.attempts + 1 == attempt


decider: Decider[Command, Event, Job] = Decider(initial=Job, decide=decide, evolve=evolve)
