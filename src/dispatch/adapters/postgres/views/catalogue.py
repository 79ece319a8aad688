"""Every view that the projector keeps, and the SQL views derived from them."""

from collections.abc import Iterable
from contextlib import suppress

from psycopg.errors import UndefinedColumn, UndefinedTable

from dispatch.adapters.postgres.views import (
    batch_observability,
    batch_performance,
    error_statistics,
    error_trends,
    failure_groups,
    pipeline_events,
    pipeline_health,
    waiting,
)
from dispatch.adapters.postgres.views.batches import BatchesView
from dispatch.adapters.postgres.views.companies import CompaniesView
from dispatch.adapters.postgres.views.escalations import EscalationsView
from dispatch.adapters.postgres.views.failures import FailuresView
from dispatch.adapters.postgres.views.fleets import FleetsView
from dispatch.adapters.postgres.views.jobs import JobsView
from dispatch.adapters.postgres.views.messages import MessagesView
from dispatch.adapters.postgres.views.notifications import NotificationsView
from dispatch.adapters.postgres.views.pauses import PausesView
from dispatch.adapters.postgres.views.replays import ReplaysView
from dispatch.adapters.postgres.views.sources import SourcesView
from dispatch.adapters.postgres.views.stage_progress import StageProgressView
from dispatch.adapters.postgres.views.view import Cursor, View
from dispatch.adapters.postgres.views.zones import ZonesView

VIEWS: dict[str, type[View]] = {
    kind.name: kind
    for kind in (
        BatchesView,
        JobsView,
        EscalationsView,
        StageProgressView,
        SourcesView,
        NotificationsView,
        FailuresView,
        ReplaysView,
        PausesView,
        FleetsView,
        ZonesView,
        CompaniesView,
        MessagesView,
    )
}

DERIVED = {
    "ops.v_escalations": EscalationsView("ops").sql(EscalationsView.derived),
    pipeline_health.NAME: pipeline_health.CREATE,
    **batch_observability.DERIVED,
    **error_statistics.DERIVED,
    **batch_performance.DERIVED,
    **error_trends.DERIVED,
    **failure_groups.DERIVED,
    **waiting.DERIVED,
    **pipeline_events.DERIVED,
}


def readable(views: Iterable[View]) -> list[str]:
    """What the reader may see: every table of these views, and what is derived from tables. None of it is personal."""
    return [f"{view.home}.{table}" for view in views for table in view.tables] + list(DERIVED)


def drop_derived(cursor: Cursor) -> None:
    """Drop the SQL views over the tables, so that a table can be put in the place of another."""
    for name in DERIVED:
        cursor.execute(f"DROP VIEW IF EXISTS {name}")


def create_derived(cursor: Cursor) -> None:
    """Create the SQL views over the tables as they are now.

    One that needs a table of a newer shape is left out: the rebuild of that table creates it.
    """
    for statement in DERIVED.values():
        with suppress(UndefinedColumn, UndefinedTable), cursor.connection.transaction():
            cursor.execute(statement)
