"""Promote: the row becomes a job of ours, with a number that people can quote."""

from dispatch.application.stages.stage import PureStage, Task
from dispatch.domain.job.commands import Done, Outcome


def promote(task: Task) -> Outcome:
    """`SJ-20261123-4F2A9C-00042`: day opened, start of the batch id, row; the same row always gets the same number."""
    job = task.job
    day = (job.opened_at or task.at).strftime("%Y%m%d")
    return Done({"job_number": f"SJ-{day}-{job.batch_id[:6].upper()}-{job.row:05d}"})


stage = PureStage(name="promote", after="validate", decide=promote)
