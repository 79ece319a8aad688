"""The rules of the approval desk: a batch waits for a person, who lets it in or not; silence goes one level up."""

from dispatch.domain.batch.commands import (
    ApproveBatch,
    DecisionCommand,
    EscalateApproval,
    PrioritiseBatch,
    RefuseBatch,
)
from dispatch.domain.batch.desk import LEVELS
from dispatch.domain.batch.events import (
    ApprovalEscalated,
    BatchApproved,
    BatchPrioritised,
    BatchRejected,
    Event,
)
from dispatch.domain.batch.refusals import ApproverBroughtIt, BatchNotAwaitingApproval, BatchTakenIn, must_be_known
from dispatch.domain.batch.state import Batch, BatchStatus

REFUSED_BY_A_PERSON = "refused_by_a_person"
_WAITING = frozenset({BatchStatus.UPLOADED, BatchStatus.AWAITING_APPROVAL, BatchStatus.ADMITTING})


def approve(command: ApproveBatch, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    if batch.decided_by == command.by and batch.status is not BatchStatus.REJECTED:
        return []
    _awaiting(command, batch)
    if batch.other_person and command.by == batch.brought_by:
        raise ApproverBroughtIt(command.batch_id, command.by)
    return [BatchApproved(batch_id=command.batch_id, at=command.at, by=command.by, reason=command.reason)]


def refuse(command: RefuseBatch, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    if batch.status is BatchStatus.REJECTED and batch.decided_by == command.by:
        return []
    _awaiting(command, batch)
    return [
        BatchRejected(
            batch_id=command.batch_id,
            at=command.at,
            code=REFUSED_BY_A_PERSON,
            reason=command.reason,
            by=command.by,
        )
    ]


def escalate_approval(command: EscalateApproval, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    due = batch.approval_due_at
    if batch.status is not BatchStatus.AWAITING_APPROVAL or due is None or command.at < due:
        return []
    level = batch.approval_level + 1
    due_at = command.at + batch.answer_within if level < LEVELS else None
    return [ApprovalEscalated(batch_id=command.batch_id, at=command.at, level=level, due_at=due_at)]


def prioritise(command: PrioritiseBatch, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    if batch.priority is command.priority:
        return []
    if batch.status not in _WAITING:
        raise BatchTakenIn(command.batch_id, batch.status)
    return [
        BatchPrioritised(
            batch_id=command.batch_id,
            at=command.at,
            priority=command.priority,
            by=command.by,
            reason=command.reason,
        )
    ]


def _awaiting(command: DecisionCommand, batch: Batch) -> None:
    if batch.status is not BatchStatus.AWAITING_APPROVAL:
        raise BatchNotAwaitingApproval(command.batch_id, batch.status)
