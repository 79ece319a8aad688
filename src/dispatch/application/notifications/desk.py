"""Everything that callers may ask about notifications: take, list, show, and end them before they are sent."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from dispatch.application.job_at import job_row
from dispatch.application.jobs import JobDesk
from dispatch.application.notifications.opening import KIND, OpenNotifications
from dispatch.application.ports.ledger import EventLedger, Recorded
from dispatch.application.ports.notifications import NotificationQueries, NotificationRow
from dispatch.application.timeline import Step, timeline
from dispatch.domain.errors import DomainError
from dispatch.domain.job.events import JobOpened
from dispatch.domain.job.state import Job, JobStatus, evolve


class NotificationUnknown(DomainError):
    """There is no such notification."""

    code = "notification_unknown"


class NotificationStep(Step, frozen=True, kw_only=True, rename="camel"):
    """One event of a notification."""


class NotificationDetail(NotificationRow, frozen=True, kw_only=True, rename="camel"):
    """A notification and everything that happened to it."""

    timeline: list[NotificationStep]

    @property
    def is_settled(self) -> bool:
        """Does nothing more come by itself, or only at the time for which it is scheduled?"""
        if self.status is JobStatus.WAITING:
            return self.due_at == self.scheduled_at
        return self.status is not JobStatus.RUNNING


@dataclass(frozen=True)
class NotificationDesk:
    """About one notification the ledger is asked, not a view: it shows as soon as it was taken."""

    ledger: EventLedger
    jobs: JobDesk
    open: OpenNotifications
    queries: NotificationQueries

    def show(self, notification_id: str) -> NotificationDetail:
        """Raises NotificationUnknown, LedgerUnavailable."""
        recorded = self.ledger.trace(notification_id)
        return detail(recorded, _opened(notification_id, recorded))

    def cancel(self, notification_id: str, by: str, reason: str) -> NotificationDetail:
        """End it; doing it twice changes nothing.

        Raises:
            NotificationUnknown: there is none under this id.
            JobAlreadySent, JobAlreadyEnded: it is too late.
            VersionConflict, LedgerUnavailable: ask again.
        """
        _opened(notification_id, self.ledger.trace(notification_id))
        self.jobs.cancel(notification_id, by, reason)
        return self.show(notification_id)


def _opened(notification_id: str, recorded: Sequence[Recorded]) -> JobOpened:
    opened = recorded[0].event if recorded else None
    if not isinstance(opened, JobOpened) or not opened.channel:
        raise NotificationUnknown(notification_id)
    return opened


def detail(recorded: Sequence[Recorded], opened: JobOpened) -> NotificationDetail:
    """What all its events come to."""
    row = job_row(recorded)
    return NotificationDetail(
        notification_id=row.job_id,
        channel=opened.channel,
        kind=opened.details.get(KIND, ""),
        status=row.status,
        priority=opened.priority,
        reference=row.reference,
        stage=row.stage,
        attempts=row.attempts,
        error_code=row.error_code,
        created_at=row.opened_at,
        changed_at=row.changed_at,
        scheduled_at=opened.scheduled_at,
        due_at=row.due_at,
        timeline=[NotificationStep(**msgspec.structs.asdict(step)) for step in timeline(recorded)],
    )


def just_opened(opened: JobOpened) -> NotificationRow:
    """A notification that was taken this moment."""
    job = evolve(Job(), opened)
    return NotificationRow(
        notification_id=opened.job_id,
        channel=opened.channel,
        kind=opened.details.get(KIND, ""),
        status=job.status or JobStatus.RUNNING,
        priority=opened.priority,
        reference=opened.reference,
        stage=job.stage,
        attempts=job.attempts,
        error_code="",
        created_at=opened.at,
        changed_at=opened.at,
        scheduled_at=opened.scheduled_at,
        due_at=job.due_at,
    )
