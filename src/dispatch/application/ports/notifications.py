"""What the doors ask of the read model of notifications: rows as they are shown, nothing personal."""

from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec

from dispatch.domain.job.priority import JobPriority
from dispatch.domain.job.state import JobStatus


class NotificationRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A notification and where it stands; what it says and to whom stays in the ledger, encrypted."""

    notification_id: str
    channel: str
    kind: str
    status: JobStatus
    priority: JobPriority
    reference: str
    stage: str
    attempts: int
    error_code: str
    created_at: datetime
    changed_at: datetime
    scheduled_at: datetime | None
    due_at: datetime | None


class Place(NamedTuple):
    """Behind which notification a page begins."""

    created_at: datetime
    notification_id: UUID


class NotificationQueries(Protocol):
    """Raises ViewsUnavailable when the database does not answer."""

    def listed(
        self,
        *,
        status: JobStatus | None = None,
        channel: str = "",
        since: datetime | None = None,
        before: Place | None = None,
        limit: int = 50,
    ) -> list[NotificationRow]:
        """Newest first; `since` is a time of creation, `before` continues behind a row."""
        ...
