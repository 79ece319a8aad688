"""What people may do to a job: send it on, or end it."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from dispatch.application.handle import handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import (
    AssignEscalation,
    CancelJob,
    OfPeople,
    ResumeJob,
    SettleDoubt,
    SnoozeEscalation,
)
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import Event


@dataclass(frozen=True)
class JobDesk:
    """Commands of people on single jobs. Each is recorded with who asked, under the job's batch."""

    ledger: EventLedger
    clock: Clock

    def resume(self, job_id: str, by: str) -> list[Event]:
        """Send an escalated job on. Raises JobUnknown, JobNotEscalated, OutcomeInDoubt."""
        return self._handle(ResumeJob(job_id=job_id, at=self.clock(), by=by), by)

    def cancel(self, job_id: str, by: str, reason: str) -> list[Event]:
        """End a job that was not sent. Raises JobUnknown, JobAlreadySent, JobAlreadyEnded."""
        return self._handle(CancelJob(job_id=job_id, at=self.clock(), by=by, reason=reason), by)

    def settle(self, job_id: str, by: str, note: str, *, happened: bool) -> list[Event]:
        """Say whether a provider had acted, for a job given up because nobody knew.

        Raises JobUnknown, NothingInDoubt.
        """
        return self._handle(SettleDoubt(job_id=job_id, at=self.clock(), by=by, happened=happened, note=note), by)

    def assign(self, job_id: str, to: str, by: str) -> list[Event]:
        """Give an escalated job to somebody; to nobody where `to` is empty. Raises JobUnknown, JobNotEscalated."""
        return self._handle(AssignEscalation(job_id=job_id, at=self.clock(), to=to, by=by), by)

    def snooze(self, job_id: str, until: datetime, by: str, reason: str) -> list[Event]:
        """Let nobody be reminded of it before then. Raises JobUnknown, JobNotEscalated, SnoozeInThePast."""
        return self._handle(SnoozeEscalation(job_id=job_id, at=self.clock(), until=until, by=by, reason=reason), by)

    def _handle(self, command: ResumeJob | OfPeople | CancelJob, by: str) -> list[Event]:
        job = decider.fold(cast("list[Event]", self.ledger.load(command.job_id).events))
        asked = command_id(command.job_id, type(command).__name__, command.at)
        cause = Cause(command_id=asked, correlation_id=job.batch_id, actor=by)
        return handle(self.ledger, decider, command.job_id, command, cause)
