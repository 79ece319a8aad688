"""The queue of people over HTTP: what waits for them, who has it, and until when nobody is reminded."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter, SkipValidation

from dispatch.application.ports.queries import EscalationRow
from dispatch.domain.batch.desk import LEVELS
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.jobs import ACTOR, Ordered, ordered
from dispatch.entrypoints.http.paging import LIMIT_MAX, Page
from dispatch.entrypoints.http.problem import documented

TheApp = NamedDependency[SkipValidation[App]]


class Assignment(msgspec.Struct, frozen=True):
    """Who is to have it; nobody where it is empty."""

    to: Annotated[str, msgspec.Meta(max_length=100)]


class Snooze(msgspec.Struct, frozen=True):
    """Until when nobody is to be reminded, and why. The reason is shown to everybody: no names of people."""

    until: Annotated[datetime, msgspec.Meta(tz=True)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


@get("/escalations", operation_id="listEscalations", sync_to_thread=True, responses=documented())
def list_escalations(
    app: TheApp,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="At most 100.")] = LIMIT_MAX,
    assignee: Annotated[str | None, QueryParameter(description="Who has them; empty: nobody.")] = None,
    level: Annotated[int | None, QueryParameter(ge=1, le=LEVELS, description="Which level is asked.")] = None,
    priority: Annotated[Literal["CRITICAL", "HIGH", "NORMAL"] | None, QueryParameter(description="By age.")] = None,
    snoozed: Annotated[bool | None, QueryParameter(description="Put off to a later time, or not.")] = None,
) -> Page[EscalationRow]:
    """Jobs that are before a person, oldest first: the first hundred."""
    rows = app.queries.escalations(limit=limit, assignee=assignee, level=level, priority=priority, snoozed=snoozed)
    return Page(rows)


@post(
    "/jobs/{job_id:uuid}/escalation/assign",
    operation_id="assignEscalation",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409, 422),
)
def assign_escalation(job_id: FromPath[UUID], app: TheApp, data: JSONBody[Assignment]) -> Response[Ordered]:
    """Give a job that is before people to one of them. Asking twice assigns once."""
    return ordered(job_id, app.desk.assign(str(job_id), data.to, ACTOR))


@post(
    "/jobs/{job_id:uuid}/escalation/snooze",
    operation_id="snoozeEscalation",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409, 422),
)
def snooze_escalation(job_id: FromPath[UUID], app: TheApp, data: JSONBody[Snooze]) -> Response[Ordered]:
    """Let nobody be reminded of a job before a time."""
    return ordered(job_id, app.desk.snooze(str(job_id), data.until, ACTOR, data.reason))


routes = Router(
    path="/v1", route_handlers=[list_escalations, assign_escalation, snooze_escalation], tags=["escalations"]
)
