"""What people do with a job that failed for good, beside trying it again: put it aside, or have it go on elsewhere."""

from dispatch.domain.job.commands import ArchiveJob, RerouteJob
from dispatch.domain.job.events import Event, JobArchived, JobRerouted
from dispatch.domain.job.refusals import (
    JobAlreadyEnded,
    JobAlreadySent,
    JobNotEscalated,
    OutcomeInDoubt,
    StageNotInRoute,
    StageNotSkippable,
)
from dispatch.domain.job.state import Job, JobStatus

SENDING = "dispatch"
NEVER_SKIPPED = ("clear", SENDING)
"""Nobody is written to without passing the consent gate, and no job is delivered of which nothing was sent."""


def archive(command: ArchiveJob, job: Job) -> list[Event]:
    """Put it aside for good. Raises JobNotEscalated, JobAlreadyEnded."""
    if job.status is JobStatus.ARCHIVED:
        return []
    _must_be_escalated(command.job_id, job)
    return [JobArchived(job_id=command.job_id, at=command.at, stage=job.stage, by=command.by, reason=command.reason)]


def reroute(command: RerouteJob, job: Job) -> list[Event]:
    """Go on at another stage: an earlier one again, or a later one, unless that skips what must not be skipped.

    Raises:
        JobNotEscalated, JobAlreadyEnded, StageNotInRoute, StageNotSkippable, JobAlreadySent, OutcomeInDoubt: the
            command breaks a rule.
    """
    if command.stage not in job.route:
        raise StageNotInRoute(command.job_id, command.stage)
    if job.status is JobStatus.RUNNING and job.stage == command.stage:
        return []  # Asked twice, rerouted once.
    _must_be_escalated(command.job_id, job)
    if job.may_have_acted:
        raise OutcomeInDoubt(command.job_id, job.stage)
    here, there = job.route.index(job.stage), job.route.index(command.stage)
    skipped = [stage for stage in job.route[here:there] if stage in NEVER_SKIPPED]
    if skipped:
        raise StageNotSkippable(command.job_id, *skipped)
    if job.sent and SENDING in job.route[there:here]:
        raise JobAlreadySent(command.job_id)
    return [
        JobRerouted(
            job_id=command.job_id,
            at=command.at,
            from_stage=job.stage,
            stage=command.stage,
            attempt=job.attempted + 1,
            by=command.by,
            reason=command.reason,
        )
    ]


def _must_be_escalated(job_id: str, job: Job) -> None:
    if job.ended:
        raise JobAlreadyEnded(job_id, job.status)
    if job.status is not JobStatus.ESCALATED:
        raise JobNotEscalated(job_id, job.status)
