"""The rules of a job: one stage after the other, retries until the policy is spent, then a person."""

from datetime import timedelta
from typing import assert_never

from dispatch.domain.decider import Decider
from dispatch.domain.job.commands import (
    OUTCOME_UNKNOWN,
    ArchiveJob,
    Block,
    CancelJob,
    Command,
    Defer,
    Done,
    EscalationCommand,
    GiveUp,
    JobCommand,
    OpenJob,
    PassOver,
    Progressed,
    RecordOutcome,
    RecordReceipt,
    RerouteJob,
    ResumeJob,
    StartStage,
    TryAgain,
)
from dispatch.domain.job.completing import complete, progress
from dispatch.domain.job.escalating import decide_of_people
from dispatch.domain.job.events import (
    Event,
    FailedOver,
    JobBlocked,
    JobCancelled,
    JobEscalated,
    JobOpened,
    JobResumed,
    RetryScheduled,
    StageDeferred,
    StageFailed,
    StageStarted,
)
from dispatch.domain.job.receipts import record_receipt
from dispatch.domain.job.recipients import SENDING, has_recipients, is_address_refused, next_recipient
from dispatch.domain.job.refusals import (
    JobAlreadyEnded,
    JobAlreadySent,
    JobNotEscalated,
    JobUnknown,
    OutcomeInDoubt,
    RouteEmpty,
    RouteRepeatsStage,
    ScheduledInThePast,
    ScheduledTooFarAhead,
)
from dispatch.domain.job.rerouting import archive, reroute
from dispatch.domain.job.state import AT_A_STAGE, Job, JobStatus, evolve, evolve_all

SCHEDULED_LATE_MAX = timedelta(minutes=1)
"""So far back a scheduled time may be and the job is driven on at once: clocks differ, and requests take their time."""
SCHEDULED_AHEAD_MAX = timedelta(days=366)


def decide(command: Command, job: Job) -> list[Event]:
    """The events that this command makes of this job; none when it was carried out before.

    Raises:
        JobUnknown, RouteEmpty, RouteRepeatsStage, ScheduledInThePast, ScheduledTooFarAhead, JobNotEscalated,
        JobAlreadySent, JobAlreadyEnded, OutcomeInDoubt, StageNotInRoute, StageNotSkippable: the command breaks a
        rule; so do what `decide_of_people` and `record_receipt` raise.
    """
    match command:  # The most frequent one first.
        case RecordOutcome():
            return record_outcome(command, job)
        case OpenJob():
            return open_job(command, job)
        case StartStage():
            return start(command, job)
        case PassOver():
            return pass_over(command, job)
        case RecordReceipt():
            _known(command, job)
            return record_receipt(command, job)
        case ResumeJob():
            return resume(command, job)
        case CancelJob():
            return cancel(command, job)
        case EscalationCommand():
            _known(command, job)
            return decide_of_people(command, job)
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
    if command.scheduled_at is not None:
        if command.scheduled_at < command.at - SCHEDULED_LATE_MAX:
            raise ScheduledInThePast(command.scheduled_at.isoformat())
        if command.scheduled_at > command.at + SCHEDULED_AHEAD_MAX:
            raise ScheduledTooFarAhead(command.scheduled_at.isoformat())
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
            channel=command.channel,
            priority=command.priority,
            scheduled_at=command.scheduled_at,
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
            return complete(command, job, command.stage, command.attempt, done)
        case Progressed() as part:
            return progress(command, job, command.stage, command.attempt, part)
        case TryAgain() as answer:
            return _try_again(command, job, answer)
        case GiveUp(error_code) as answer:
            is_of_address = command.stage == SENDING and is_address_refused(error_code)
            if is_of_address and has_recipients(job) and not (answer.in_doubt or job.in_doubt):
                return next_recipient(command, job, _failed(command, answer, transient=False))
            return _give_up(command, answer, transient=False)
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


def _try_again(command: RecordOutcome, job: Job, answer: TryAgain) -> list[Event]:
    tried = command.attempt - job.forgiven
    if command.retry.exhausted(tried):
        return _give_up(command, answer, transient=True)
    delay_s = command.retry.delay_s(tried, command.chance, answer.retry_after_s)
    return [
        _failed(command, answer, transient=True),
        RetryScheduled(
            job_id=command.job_id,
            at=command.at,
            stage=command.stage,
            attempt=command.attempt + 1,
            due_at=command.at + timedelta(seconds=delay_s),
        ),
    ]


def _give_up(command: RecordOutcome, answer: TryAgain | GiveUp, *, transient: bool) -> list[Event]:
    return [
        _failed(command, answer, transient=transient),
        JobEscalated(
            job_id=command.job_id,
            at=command.at,
            stage=command.stage,
            reason=answer.error_code,
            provider=command.provider,
            message=answer.message,
            transient=transient,
        ),
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


def _failed(command: RecordOutcome, answer: TryAgain | GiveUp, *, transient: bool) -> StageFailed:
    return StageFailed(
        job_id=command.job_id,
        at=command.at,
        stage=command.stage,
        attempt=command.attempt,
        error_code=answer.error_code,
        transient=transient,
        provider=command.provider,
        message=answer.message,
        in_doubt=answer.in_doubt,
    )


def _known(command: JobCommand, job: Job) -> None:
    if job.status is None:
        raise JobUnknown(command.job_id)


def _answers(job: Job, stage: str, attempt: int) -> bool:
    return job.status in AT_A_STAGE and job.stage == stage and job.attempts + 1 == attempt


decider: Decider[Command, Event, Job] = Decider(initial=Job, decide=decide, evolve=evolve, evolve_all=evolve_all)
