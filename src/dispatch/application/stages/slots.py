"""Slots: the three arrival windows that the person is offered, or the roles of a company that are to be filled."""

from datetime import date, timedelta

from dispatch.application.stages.stage import PureStage, Task
from dispatch.domain.job.commands import Done, Outcome

WINDOWS = ("08:00-10:00", "10:00-12:00", "13:00-15:00")
SUNDAY = 6
ROLES = "slot_roles"


def slots(task: Task) -> Outcome:
    """One window a day on three working days, from the preferred day on, never a Sunday and never today.

    A job that names roles gets a slot for each, in their order (acceptance 2.10).
    """
    if roles := task.job.details.get(ROLES):
        named = [f"{position} {role.strip()}" for position, role in enumerate(roles.split(","), 1)]
        return Done({"slots": named, "slot_type": "executive"})
    earliest = task.at.date() + timedelta(days=1)
    day = max(_preferred(task) or earliest, earliest)
    offered: list[str] = []
    for window in WINDOWS:
        if day.weekday() == SUNDAY:
            day += timedelta(days=1)
        offered.append(f"{day.isoformat()} {window}")
        day += timedelta(days=1)
    return Done({"slots": offered})


def _preferred(task: Task) -> date | None:
    text = task.job.details.get("preferred_date", "")
    return date.fromisoformat(text) if text else None


stage = PureStage(name="slots", after="promote", decide=slots)
