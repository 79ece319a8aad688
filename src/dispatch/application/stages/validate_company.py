"""Validate a company: does it have a name and a website? (acceptance 2.06)"""

from dispatch.application.company import COMPANY_NAME, VALIDATE
from dispatch.application.stages.stage import PureStage, Task
from dispatch.domain.job.commands import Done, GiveUp, Outcome


def validate_company(task: Task) -> Outcome:
    """Recorded are whether, when and by which stage it was validated, and the note."""
    job = task.job
    if not (job.details.get(COMPANY_NAME, "").strip() and job.reference.strip()):
        return GiveUp("missing_required_fields", message="Missing required fields")
    return Done(
        {
            "validated": True,
            "validated_at": task.at.isoformat(),
            "validated_by": VALIDATE,
            "validation_notes": "Valid",
        }
    )


stage = PureStage(name=VALIDATE, decide=validate_company)
