"""A stage is done: the job goes on to the next one of its route, or is delivered; or a part of the stage is done."""

from dispatch.domain.job.commands import Done, JobCommand, Progressed
from dispatch.domain.job.events import Event, JobDelivered, StageCompleted
from dispatch.domain.job.state import Job


def complete(command: JobCommand, job: Job, stage: str, attempt: int, done: Done) -> list[Event]:
    """The events of an attempt that did its work."""
    here = job.route.index(stage)
    next_stage = job.route[here + 1] if here + 1 < len(job.route) else ""
    events: list[Event] = [_completed(command, job, stage, attempt, done, next_stage)]
    if not next_stage:
        events.append(JobDelivered(job_id=command.job_id, at=command.at))
    return events


def progress(command: JobCommand, job: Job, stage: str, attempt: int, part: Progressed) -> list[Event]:
    """The event of an attempt that did a part of its work: the job comes to the same stage again."""
    return [_completed(command, job, stage, attempt, part, stage)]


def _completed(
    command: JobCommand, job: Job, stage: str, attempt: int, made: Done | Progressed, next_stage: str
) -> StageCompleted:
    return StageCompleted(
        job_id=command.job_id,
        at=command.at,
        stage=stage,
        attempt=attempt,
        next_stage=next_stage,
        output=made.output,
        person=made.person,
        priority=job.priority,
    )
