"""What nobody answers in time goes one level up: asked by a timer, for jobs that are before people."""

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from dispatch.application.handle import handle_many
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.application.ports.queries import Queries
from dispatch.domain.batch.desk import LEVELS
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import RaiseEscalation
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import EscalationRaised

JOBS_PER_RUN = 500


class Raised(msgspec.Struct, frozen=True):
    """A job that nobody had in time, and the level that is asked now."""

    job_id: str
    level: int
    reason: str


@dataclass(frozen=True)
class EscalateJobs:
    """Each level has `answer_within`, from the moment when it was asked or somebody took it; the last one has no end.

    While a job is snoozed nobody is reminded of it, and it stays where it is.
    """

    ledger: EventLedger
    queries: Queries
    clock: Clock
    answer_within: timedelta

    def __call__(self) -> list[Raised]:
        """The jobs that went up. Raises LedgerUnavailable, ViewsUnavailable; asking again is harmless."""
        now = self.clock()
        overdue = self.queries.overdue_escalations(now, self.answer_within, LEVELS, limit=JOBS_PER_RUN)
        raised: list[Raised] = []
        by_batch: dict[str, list[tuple[str, RaiseEscalation]]] = {}
        reasons = {row.job_id: row.reason for row in overdue}
        for row in overdue:
            command = RaiseEscalation(job_id=row.job_id, at=now, level=row.level + 1)
            by_batch.setdefault(row.batch_id, []).append((row.job_id, command))
        for batch_id, commands in by_batch.items():
            asked = command_id(batch_id, "raise", now, commands[0][0])
            cause = Cause(command_id=asked, correlation_id=batch_id, actor="timers")
            for job_id, events in handle_many(self.ledger, decider, commands, cause).items():
                if isinstance(events, list):
                    raised += [
                        Raised(job_id, event.level, reasons[job_id])
                        for event in events
                        if isinstance(event, EscalationRaised)
                    ]
        return raised
