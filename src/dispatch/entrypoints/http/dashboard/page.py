"""What the page shows, and its HTML: whole, or the fragments of it that are kept up to date."""

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import jinja2
import msgspec

from dispatch.application.ports.queries import BatchRow, EscalationRow, JobRow, JobTotals, RowErrorRow, StageHealth
from dispatch.application.ports.statistics import Period
from dispatch.application.routes import find_routes
from dispatch.domain.batch.desk import Priority
from dispatch.domain.job.state import JobStatus
from dispatch.domain.money import pounds
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.dashboard.assets import asset_url
from dispatch.entrypoints.http.dashboard.live import projected_position
from dispatch.entrypoints.http.dashboard.operations import Operations, RecentOperations
from dispatch.entrypoints.http.problem import Problem, Refused
from dispatch.entrypoints.http.shapes import BatchDetail, BatchShown, detailed, find_batch, shown

BATCHES_SHOWN = 12
JOBS_SHOWN = 25
ERRORS_SHOWN = 5
"""Acceptance 1.30."""
ERRORS_EXPANDED = 50
ESCALATIONS_SHOWN = 100
APPROVALS_SHOWN = 50
FRAGMENTS = ("pulse", "totals", "pipeline", "batches", "operations", "batch", "approvals", "escalations")
"""Blocks of the template that the live stream sends; each is one element with the block's name as its id."""


class Asked(msgspec.Struct, frozen=True):
    """What the address of the page says: which batch, which of its jobs, behind which one, the trend by what."""

    batch_id: str = ""
    status: JobStatus | None = None
    after: str = ""
    by: Period = Period.DAY


class RouteShown(msgspec.Struct, frozen=True):
    """One route's stages in its order. What is at a stage is counted over all routes that share it."""

    name: str
    stages: list[StageHealth]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the page. Each list is bounded."""

    asked: Asked
    position: int
    now: datetime
    totals: JobTotals
    routes: list[RouteShown]
    batches: list[BatchShown]
    operations: Operations
    batch: BatchDetail | None
    errors: list[RowErrorRow]
    jobs: list[JobRow]
    jobs_after: str
    approvals: list[BatchRow]
    escalations: list[EscalationRow]

    @property
    def shared(self) -> set[str]:
        """The stages that several routes pass."""
        passed = Counter(stage.stage for route in self.routes for stage in route.stages)
        return {stage for stage, routes in passed.items() if routes > 1}

    @property
    def is_open(self) -> bool:
        """Is anything of what is shown still on its way?"""
        return any(batch.closed_at is None for batch in self.batches)


def look(app: App, asked: Asked, operations: RecentOperations) -> Overview:
    """Read the views for the page. The position is read first: the rows are at least as new.

    Raises:
        Refused: the batch that was asked for does not exist.
        ViewsUnavailable: the database does not answer.
    """
    queries, now = app.queries, datetime.now(UTC)
    position = projected_position(queries)
    batches = [shown(row, now) for row in queries.batches(limit=BATCHES_SHOWN)]
    batch = _chosen(app, asked, batches, now)
    jobs = _jobs(app, asked, batch)
    health = {stage.stage: stage for stage in queries.pipeline_health()}
    return Overview(
        asked=asked,
        position=position,
        now=now,
        totals=queries.job_totals(),
        routes=[
            RouteShown(name, [health.get(stage) or _quiet(stage) for stage in route.stages])
            for name, route in find_routes().items()
        ],
        batches=batches,
        operations=operations(asked.by),
        batch=batch,
        errors=queries.row_errors(batch.batch_id, limit=ERRORS_EXPANDED) if batch and batch.rejected else [],
        jobs=jobs[:JOBS_SHOWN],
        jobs_after=jobs[JOBS_SHOWN - 1].job_id if len(jobs) > JOBS_SHOWN else "",
        approvals=queries.approvals(limit=APPROVALS_SHOWN),
        escalations=queries.escalations(limit=ESCALATIONS_SHOWN),
    )


def render_page(overview: Overview, *, notice: str = "") -> str:
    """The whole page."""
    return _templates().get_template("page.html").render(_variables(overview, notice))


def render_fragments(overview: Overview) -> dict[str, str]:
    """The parts of the page that change, by id."""
    template = _templates().get_template("page.html")
    context = template.new_context(_variables(overview, ""))
    return {name: "".join(template.blocks[name](context)).strip() for name in FRAGMENTS}


def render_problem(problem: Problem) -> str:
    """A problem as a page, for browsers."""
    return _templates().get_template("problem.html").render(problem=problem)


def _variables(overview: Overview, notice: str) -> dict[str, object]:
    return {"overview": overview, "batch": overview.batch, "notice": notice}


def _chosen(app: App, asked: Asked, batches: list[BatchShown], now: datetime) -> BatchDetail | None:
    """The batch that was asked for; the newest one when none was."""
    if not asked.batch_id:
        batch = batches[0] if batches else None
    else:
        row = find_batch(app, asked.batch_id)
        if row is None:
            raise Refused("batch_unknown", "there is no such batch", where=f"batch {asked.batch_id}", fix="choose one")
        batch = shown(row, now)
    return detailed(batch, app.queries.stage_progress(batch.batch_id)) if batch else None


def _jobs(app: App, asked: Asked, batch: BatchDetail | None) -> list[JobRow]:
    if batch is None:
        return []
    after = asked.after or None
    return app.queries.jobs(batch_id=batch.batch_id, status=asked.status, after=after, limit=JOBS_SHOWN + 1)


def _quiet(stage: str) -> StageHealth:
    return StageHealth(stage=stage, running=0, waiting=0, escalated=0, completed=0, failed_attempts=0, oldest_age_s=0.0)


def number(value: float) -> str:
    """With separators, and decimals only while they say something: `12,345`, `0.4`, `37`."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:,.1f}"


def length(seconds: float) -> str:
    """A length of time in one unit: `850 ms`, `4.2 s`, `3 min`, `5 h`, `2 d`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for most, unit, name in ((10, 1, "s"), (120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < most:
            return f"{seconds / unit:.1f} {name}" if most == 10 else f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def milliseconds(value: float) -> str:
    """`45 ms`, `1.2 s`."""
    return length(value / 1000)


def words(name: str) -> str:
    """A state or a code as people write it."""
    return name.replace("_", " ")


def moment(at: datetime) -> str:
    """Day and time in UTC."""
    return at.astimezone(UTC).strftime("%d %b %H:%M:%S")


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (number, length, milliseconds, words, moment, pounds)
    environment.filters.update({function.__name__: function for function in filters})
    environment.globals["asset_url"] = asset_url
    environment.globals["job_states"] = [status.value for status in JobStatus]
    environment.globals["periods"] = [period.value for period in Period]
    environment.globals["priorities"] = list(Priority)
    environment.globals["errors_shown"] = ERRORS_SHOWN
    environment.globals["ui"] = environment.get_template("macros.html").module  # Seen from single blocks as well.
    return environment
