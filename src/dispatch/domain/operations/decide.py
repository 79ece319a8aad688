"""The rules of operations: each is recorded once, and never without the name of whoever did it."""

from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from dispatch.domain.operations.commands import Command
from dispatch.domain.operations.events import Event, ReconciliationRun
from dispatch.domain.operations.state import Operation, evolve


class OperatorMissing(DomainError):
    """An operation is recorded with who did it."""

    code = "operator_missing"


class RepairWithoutDifference(DomainError):
    """Nothing is mended that was not found to differ."""

    code = "repair_without_difference"


def decide(command: Command, operation: Operation) -> list[Event]:
    """The events that this command makes of this operation; none when it was recorded before.

    Raises:
        OperatorMissing, RepairWithoutDifference: the command breaks a rule.
    """
    if operation.recorded:
        return []
    if not command.by.strip():
        raise OperatorMissing(command.operation_id)
    for repair in command.repairs:
        if not command.counts.get(repair.because):
            raise RepairWithoutDifference(repair.kind.value, repair.target)
    return [
        ReconciliationRun(
            operation_id=command.operation_id,
            at=command.at,
            by=command.by.strip(),
            scope=command.scope,
            batches=command.batches,
            jobs=command.jobs,
            counts=dict(sorted((code, count) for code, count in command.counts.items() if count)),
            repairs=command.repairs,
            duration_ms=command.duration_ms,
        )
    ]


decider: Decider[Command, Event, Operation] = Decider(initial=Operation, decide=decide, evolve=evolve)
