"""Every view that the projector keeps, and the SQL views derived from them."""

from dispatch.adapters.postgres.views import pipeline_health
from dispatch.adapters.postgres.views.batches import BatchesView
from dispatch.adapters.postgres.views.escalations import EscalationsView
from dispatch.adapters.postgres.views.jobs import JobsView
from dispatch.adapters.postgres.views.stage_progress import StageProgressView
from dispatch.adapters.postgres.views.view import Cursor, View

VIEWS: dict[str, type[View]] = {kind.name: kind for kind in (BatchesView, JobsView, EscalationsView, StageProgressView)}

DERIVED = {
    "ops.v_escalations": EscalationsView("ops").sql(EscalationsView.derived),
    pipeline_health.NAME: pipeline_health.CREATE,
}


def drop_derived(cursor: Cursor) -> None:
    """Drop the SQL views over the tables, so that a table can be put in the place of another."""
    for name in DERIVED:
        cursor.execute(f"DROP VIEW IF EXISTS {name}")


def create_derived(cursor: Cursor) -> None:
    """Create the SQL views over the tables as they are now."""
    for statement in DERIVED.values():
        cursor.execute(statement)
