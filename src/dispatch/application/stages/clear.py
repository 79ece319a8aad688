"""Clear: may this person be written to, on this basis, now? The gate stands before anything is sent (PE10)."""

from dispatch.application.stages.stage import PureStage, Task
from dispatch.domain.consent import clear_to_contact
from dispatch.domain.job.commands import Block, Done, Outcome


def clear(task: Task) -> Outcome:
    """Blocked with the rule that stands in the way; otherwise the basis is part of the record."""
    permission = task.job.permission
    clearance = clear_to_contact(permission, task.at.date())
    if not clearance.allowed:
        return Block(clearance.rule, clearance.reason)
    return Done({"basis": permission.basis.value, "rule": clearance.rule})


stage = PureStage(name="clear", after="verify", decide=clear)
