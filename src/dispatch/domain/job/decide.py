"""The rules of a job: one stage after the other, retries until the policy is spent, then a person."""

from datetime import timedelta
from typing import assert_never

from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from dispatch.domain.job.commands import (
    OUTCOME_UNKNOWN,
    Block,
    CancelJob,
    Command,
    Defer,
    Done,
    GiveUp,
    JobCommand,
    OpenJob,
    PassOver,
    RecordOutcome,
    ResumeJob,
    SettleDoubt,
    StartStage,
    TryAgain,
)
from dispatch.domain.job.events import (
    DoubtSettled,
    Event,
    FailedOver,
    JobBlocked,
    JobCancelled,
    JobDelivered,
    JobEscalated,
    JobOpened,
    JobResumed,
    RetryScheduled,
    StageCompleted,
    StageDeferred,
    StageFailed,
    StageStarted,
)
from dispatch.domain.job.state import AT_A_STAGE, Job, JobStatus, evolve


class JobUnknown(DomainError):
    """No job was opened under this id."""

    code = "job_unknown"


class RouteEmpty(DomainError):
    """A job needs a route of at least one stage."""

    code = "route_empty"


class RouteRepeatsStage(DomainError):
    """A stage stands in a route once: a job that came back to it would go round for ever."""

    code = "route_repeats_stage"


class JobNotEscalated(DomainError):
    """Only an escalated job can be resumed."""

    code = "job_not_escalated"


class JobAlreadySent(DomainError):
    """What was sent cannot be cancelled."""

    code = "job_already_sent"


class OutcomeInDoubt(DomainError):
    """A provider may have acted: whether it did must be said before the job goes on."""

    code = "outcome_in_doubt"


class NothingInDoubt(DomainError):
    """The job was not given up because an outcome was unknown."""

    code = "nothing_in_doubt"


class JobAlreadyEnded(DomainError):
    """A job that has ended stays as it ended."""

    code = "job_already_ended"


def decide(command: Command, job: Job) -> list[Event]:
    """The events that this command makes of this job; none when it was carried out before.

    Raises:
        JobUnknown, RouteEmpty, RouteRepeatsStage, JobNotEscalated, JobAlreadySent, JobAlreadyEnded, OutcomeInDoubt,
        NothingInDoubt: the command breaks a rule.
    """
    match command:
        case OpenJob():
            return open_job(command, job)
        case StartStage():
            return start(command, job)
        case PassOver():
            return pass_over(command, job)
        case RecordOutcome():
            return record_outcome(command, job)
        case ResumeJob():
            return resume(command, job)
        case SettleDoubt():
            return settle_doubt(command, job)
        case CancelJob():
            return cancel(command, job)
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
            provider=command.provider,
        )
    ]


def pass_over(command: PassOver, job: Job) -> list[Event]:
    _known(command, job)
    if not _answers(job, command.stage, command.attempt) or command.provider in job.passed_over:
        return []
    return [
        FailedOver(
            job_id=command.job_id,
            at=command.at,
            stage=command.stage,
            attempt=command.attempt,
            provider=command.provider,
            error_code=command.error_code,
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
        case GiveUp(error_code, in_doubt):
            return _give_up(command, error_code, transient=False, in_doubt=in_doubt)
        case Defer() as answer:
            return _defer(command, job, answer)
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
    if job.escalated_for == OUTCOME_UNKNOWN:
        raise OutcomeInDoubt(command.job_id, job.stage)
    return [JobResumed(job_id=command.job_id, at=command.at, stage=job.stage, by=command.by)]


def settle_doubt(command: SettleDoubt, job: Job) -> list[Event]:
    _known(command, job)
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
    return [settled, *_complete(command, job, job.stage, job.attempt, Done({"settled_by": command.by}))]


def cancel(command: CancelJob, job: Job) -> list[Event]:
    _known(command, job)
    if job.status is JobStatus.CANCELLED:
        return []
    if job.ended:
        raise JobAlreadyEnded(command.job_id, job.status)
    if job.sent or job.may_have_acted:
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
    return _complete(command, job, command.stage, command.attempt, done)


def _complete(command: JobCommand, job: Job, stage: str, attempt: int, done: Done) -> list[Event]:
    here = job.route.index(stage)
    next_stage = job.route[here + 1] if here + 1 < len(job.route) else ""
    events: list[Event] = [
        StageCompleted(
            job_id=command.job_id,
            at=command.at,
            stage=stage,
            attempt=attempt,
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
        return _give_up(command, answer.error_code, transient=True, in_doubt=answer.in_doubt)
    delay_s = command.retry.delay_s(tried, command.chance, answer.retry_after_s)
    return [
        _failed(command, answer.error_code, transient=True, in_doubt=answer.in_doubt),
        RetryScheduled(
            job_id=command.job_id,
            at=command.at,
            stage=command.stage,
            attempt=command.attempt + 1,
            due_at=command.at + timedelta(seconds=delay_s),
        ),
    ]


def _give_up(command: RecordOutcome, error_code: str, *, transient: bool, in_doubt: bool) -> list[Event]:
    return [
        _failed(command, error_code, transient=transient, in_doubt=in_doubt),
        JobEscalated(job_id=command.job_id, at=command.at, stage=command.stage, reason=error_code),
    ]


def _defer(command: RecordOutcome, job: Job, answer: Defer) -> list[Event]:
    due_at = command.at + timedelta(seconds=answer.wait_s)
    if job.status is JobStatus.WAITING and job.due_at is not None and job.due_at >= due_at:
        return []  # It waits for so long already.
    return [
        StageDeferred(
            job_id=command.job_id,
            at=command.at,
            stage=command.stage,
            attempt=command.attempt,
            reason=answer.reason,
            due_at=due_at,
        )
    ]


def _failed(command: RecordOutcome, error_code: str, *, transient: bool, in_doubt: bool) -> StageFailed:
    return StageFailed(
        job_id=command.job_id,
        at=command.at,
        stage=command.stage,
        attempt=command.attempt,
        error_code=error_code,
        transient=transient,
        provider=command.provider,
        in_doubt=in_doubt,
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
