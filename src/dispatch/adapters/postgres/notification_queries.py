"""The list of notifications in SQL, newest first, in bounded pages."""

from datetime import datetime

from dispatch.adapters.postgres.view_reader import ViewReader
from dispatch.application.ports.notifications import NotificationRow, Place
from dispatch.domain.job.state import JobStatus

LIST = """
SELECT notification_id::text AS "notificationId", channel, kind, status, priority, reference, stage, attempts,
       error_code AS "errorCode", created_at AS "createdAt", changed_at AS "changedAt", scheduled_at AS "scheduledAt",
       CASE WHEN status = 'waiting' THEN due_at END AS "dueAt"
FROM ops.notifications
"""
CONDITIONS = {
    "status": "status = :status",
    "channel": "channel = :channel",
    "since": "created_at >= :since",
    "at": "(created_at, notification_id) < (:at, cast(:id AS uuid))",
}


class PostgresNotificationQueries(ViewReader):
    """Implements the port `NotificationQueries`."""

    def listed(
        self,
        *,
        status: JobStatus | None = None,
        channel: str = "",
        since: datetime | None = None,
        before: Place | None = None,
        limit: int = 50,
    ) -> list[NotificationRow]:
        asked = {
            "status": status and status.value,
            "channel": channel or None,
            "since": since,
            "at": before and before.created_at,
        }
        wanted = {name: value for name, value in asked.items() if value is not None}
        where = f"WHERE {' AND '.join(CONDITIONS[name] for name in wanted)}" if wanted else ""
        behind = {"id": before.notification_id} if before else {}
        statement = f"{LIST} {where} ORDER BY created_at DESC, notification_id DESC LIMIT :limit"
        return self._rows(NotificationRow, statement, wanted | behind | {"limit": limit})
