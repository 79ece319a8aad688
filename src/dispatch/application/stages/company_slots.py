"""Slots of a company: the roles that are to be filled with a person each (acceptance 2.10)."""

from dispatch.application.company import EXECUTIVE, PROMOTE, ROLES, SLOTS
from dispatch.application.stages.stage import PureStage, Task
from dispatch.domain.job.commands import Done, Outcome

DETAIL = "slot_roles"


def company_slots(task: Task) -> Outcome:
    """Three, CEO, CFO and HR Director at the positions 1 to 3, unless the profile names other roles."""
    named = [role.strip() for role in task.job.details.get(DETAIL, "").split(",")]
    roles = [role for role in dict.fromkeys(named) if role] or list(ROLES)
    return Done({"slots": [f"{position} {role}" for position, role in enumerate(roles, 1)], "slot_type": EXECUTIVE})


stage = PureStage(name=SLOTS, after=PROMOTE, decide=company_slots)
