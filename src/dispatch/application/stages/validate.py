"""Validate: does the job have what every later stage needs? (acceptance 2.06)

What a file of its kind must hold, the profile has checked. Here is what holds for jobs from any door.
"""

from dispatch.application.stages.stage import PureStage, Task
from dispatch.domain.job.commands import Done, GiveUp, Outcome

COMPANY = "company_name"


def validate(task: Task) -> Outcome:
    """A job needs a reference, a service, and a way to reach its person; work that is paid for, a price.

    Where it is for a company, the company's name will do: the contact may have to be found.
    """
    job = task.job
    company, person = job.details.get(COMPANY, ""), job.person
    is_reachable = person.name and (person.email or person.phone)
    if not (job.reference and job.service and (company or is_reachable)):
        return GiveUp("missing_required_fields")
    if job.price_pence < 0 or (not job.price_pence and not company):
        return GiveUp("price_not_positive")
    return Done({"validation_notes": "Valid"})


stage = PureStage(name="validate", decide=validate, reads_person=True)
