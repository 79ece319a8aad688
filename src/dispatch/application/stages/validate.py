"""Validate: does the job have what every later stage needs? (acceptance 2.06)"""

from dispatch.application.stages.stage import PureStage, Task
from dispatch.domain.job.commands import Done, GiveUp, Outcome


def validate(task: Task) -> Outcome:
    """A job needs a reference, a service, a price above nothing, and a way to reach the person."""
    job = task.job
    person = job.person
    if not (job.reference and job.service and person.name and (person.email or person.phone)):
        return GiveUp("missing_required_fields")
    if job.price_pence <= 0:
        return GiveUp("price_not_positive")
    return Done({"validation_notes": "Valid"})


stage = PureStage(name="validate", decide=validate, reads_person=True)
