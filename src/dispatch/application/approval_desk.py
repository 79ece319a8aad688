"""What people decide about batches that wait: let in, rejected, taken in sooner; and what happens if nobody does."""

from dataclasses import dataclass
from typing import cast

import msgspec

from dispatch.application.handle import handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.application.ports.queries import Queries
from dispatch.domain.batch.approving import REFUSED_BY_A_PERSON
from dispatch.domain.batch.commands import (
    ApproveBatch,
    Command,
    EscalateApproval,
    PrioritiseBatch,
    RefuseBatch,
    RejectBatch,
)
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.desk import Priority
from dispatch.domain.batch.events import ApprovalEscalated, Event
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.errors import DomainError
from dispatch.domain.identity import command_id


class DecisionUnexplained(DomainError):
    """A decision about a batch needs a reason: it is kept in the ledger and shown to everybody."""

    code = "reason_missing"


@dataclass(frozen=True)
class ApprovalDesk:
    """Commands of people on single batches. Each is recorded with who asked; the reason is shown to everybody.

    Each raises BatchUnknown, DecisionUnexplained and LedgerUnavailable, and answers no events where it was done before.
    """

    ledger: EventLedger
    clock: Clock

    def approve(self, batch_id: str, by: str, reason: str) -> list[Event]:
        """Let a batch in that waits at the desk. Raises BatchNotAwaitingApproval, ApproverBroughtIt."""
        return self._handle(ApproveBatch(batch_id=batch_id, at=self.clock(), by=by, reason=_said(reason)), by)

    def reject(self, batch_id: str, by: str, reason: str) -> list[Event]:
        """Reject a batch that waits at the desk, or that cannot be judged. Raises BatchNotAwaitingApproval."""
        reason = _said(reason)
        if self._status(batch_id) is BatchStatus.UPLOADED:
            code = REFUSED_BY_A_PERSON
            return self._handle(RejectBatch(batch_id=batch_id, at=self.clock(), code=code, reason=reason), by)
        return self._handle(RefuseBatch(batch_id=batch_id, at=self.clock(), by=by, reason=reason), by)

    def prioritise(self, batch_id: str, priority: Priority, by: str, reason: str) -> list[Event]:
        """Take a batch in before others, or after them. Raises BatchTakenIn."""
        asked = PrioritiseBatch(batch_id=batch_id, at=self.clock(), priority=priority, by=by, reason=_said(reason))
        return self._handle(asked, by)

    def _status(self, batch_id: str) -> BatchStatus | None:
        return decider.fold(cast("list[Event]", self.ledger.load(batch_id).events)).status

    def _handle(self, command: Command, by: str) -> list[Event]:
        asked = command_id(command.batch_id, type(command).__name__, command.at)
        cause = Cause(command_id=asked, correlation_id=command.batch_id, actor=by)
        return handle(self.ledger, decider, command.batch_id, command, cause)


class Escalated(msgspec.Struct, frozen=True):
    """A batch that nobody has answered for in time, and the level that is asked now."""

    batch_id: str
    level: int
    reason: str


@dataclass(frozen=True)
class EscalateApprovals:
    """Asked by a timer: what was not answered in time goes one level up."""

    ledger: EventLedger
    queries: Queries
    clock: Clock

    def __call__(self) -> list[Escalated]:
        """The batches that went up. Raises LedgerUnavailable, ViewsUnavailable; asking again is harmless."""
        now = self.clock()
        escalated: list[Escalated] = []
        for batch in self.queries.approvals():
            if batch.approval_due_at is None or batch.approval_due_at > now:
                continue
            asked = command_id(batch.batch_id, "escalate", batch.resets, batch.approval_due_at)
            cause = Cause(command_id=asked, correlation_id=batch.batch_id, actor="timers")
            command = EscalateApproval(batch_id=batch.batch_id, at=now)
            events = handle(self.ledger, decider, batch.batch_id, command, cause)
            escalated += [
                Escalated(batch.batch_id, event.level, batch.approval_reason)
                for event in events
                if isinstance(event, ApprovalEscalated)
            ]
        return escalated


def _said(reason: str) -> str:
    if not reason.strip():
        raise DecisionUnexplained
    return reason.strip()
