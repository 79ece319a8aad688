"""Statistics of the intake over HTTP: how batches do by the hour, which values are refused, and how that changes."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from dispatch.application.ports.statistics import (
    HOURS_MAX,
    BatchErrors,
    BatchHour,
    BatchMetrics,
    ErrorShare,
    ObservedBatch,
    Period,
    TrendPoint,
)
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.paging import Limit
from dispatch.entrypoints.http.problem import Refused, documented

POINTS_MAX = 366

TheApp = NamedDependency[SkipValidation[App]]
Hours = Annotated[int, QueryParameter(ge=1, le=HOURS_MAX, description="The last hours, this one included.")]
Points = Annotated[int, QueryParameter(ge=1, le=POINTS_MAX, description="The newest periods that have a batch.")]


class BatchStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """All batches together, by the hour in which they were received, and the newest one by one."""

    totals: BatchMetrics
    hours: list[BatchHour]
    batches: list[ObservedBatch]


class ErrorStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Which codes values are refused with: over all batches, or in one."""

    codes: list[ErrorShare]
    batch: list[BatchErrors]


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """The error rate by period, oldest first; a period without a batch is left out."""

    by: Period
    points: list[TrendPoint]


@get("/batches", operation_id="getBatchStatistics", sync_to_thread=True, responses=documented())
def show_batch_statistics(app: TheApp, hours: Hours = 24, limit: Limit = 10) -> BatchStatistics:
    """Totals, the last hours, and the newest batches. Hours without a batch are left out."""
    return BatchStatistics(
        totals=app.statistics.batch_metrics(),
        hours=app.statistics.batch_hours(hours=hours),
        batches=app.statistics.observed_batches(limit=limit),
    )


@get("/errors", operation_id="getErrorStatistics", sync_to_thread=True, responses=documented(404))
def show_error_statistics(
    app: TheApp,
    limit: Limit = 20,
    batch_id: Annotated[UUID | None, QueryParameter(description="Also the codes of this batch.")] = None,
) -> ErrorStatistics:
    """The codes with which values are refused, the most frequent first. Counts are exact, stored or not."""
    if batch_id is not None and app.queries.batch(str(batch_id)) is None:
        fix = "take an id from GET /v1/batches"
        raise Refused("batch_unknown", "there is no such batch", where=f"batch {batch_id}", fix=fix)
    return ErrorStatistics(
        codes=app.statistics.error_distribution(limit=limit),
        batch=app.statistics.batch_errors(str(batch_id)) if batch_id is not None else [],
    )


@get("/trends", operation_id="getErrorTrend", sync_to_thread=True, responses=documented())
def show_error_trend(
    app: TheApp,
    by: Annotated[Period, QueryParameter(description="How long a point is.")] = Period.DAY,
    limit: Points = 30,
) -> Trend:
    """The error rate of what came in each day, week or month. What corrections mended stays counted."""
    return Trend(by=by, points=app.statistics.error_trend(by, limit=limit))


routes = Router(
    path="/v1/stats",
    route_handlers=[show_batch_statistics, show_error_statistics, show_error_trend],
    tags=["statistics"],
)
