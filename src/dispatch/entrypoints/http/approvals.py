"""What people decide about batches over HTTP: let in, rejected, taken in sooner."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation

from dispatch.domain.batch.desk import Priority
from dispatch.domain.events import Event, event_name
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.problem import documented

TheApp = NamedDependency[SkipValidation[App]]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Why, and who decides. Both are recorded and shown to everybody: no personal data of customers."""

    reason: Reason
    by: Name = "api"


class Prioritisation(Decision, frozen=True, kw_only=True):
    """How urgent a batch is from now on."""

    priority: Priority


class Decided(msgspec.Struct, frozen=True):
    """The decision was taken; `recorded` names the events it made, none when it had been taken before."""

    batch_id: str
    location: str
    recorded: list[str]


@post(
    "/batches/{batch_id:uuid}/approve",
    operation_id="approveBatch",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409, 422),
)
def approve_batch(batch_id: FromPath[UUID], app: TheApp, data: JSONBody[Decision]) -> Response[Decided]:
    """Let a batch in that waits for approval. 403 where whoever brought it asks and the two-person rule is on."""
    return _decided(batch_id, app.approval_desk.approve(str(batch_id), data.by, data.reason))


@post(
    "/batches/{batch_id:uuid}/reject",
    operation_id="rejectBatch",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409, 422),
)
def reject_batch(batch_id: FromPath[UUID], app: TheApp, data: JSONBody[Decision]) -> Response[Decided]:
    """Reject a batch as a whole that waits for approval, or that cannot be judged."""
    return _decided(batch_id, app.approval_desk.reject(str(batch_id), data.by, data.reason))


@post(
    "/batches/{batch_id:uuid}/prioritise",
    operation_id="prioritiseBatch",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409, 422),
)
def prioritise_batch(batch_id: FromPath[UUID], app: TheApp, data: JSONBody[Prioritisation]) -> Response[Decided]:
    """Take a batch in before others, or after them. 409 when its rows are jobs already."""
    return _decided(batch_id, app.approval_desk.prioritise(str(batch_id), data.priority, data.by, data.reason))


def _decided(batch_id: UUID, events: Sequence[Event]) -> Response[Decided]:
    location = f"/v1/batches/{batch_id}"
    recorded = [event_name(event) for event in events]
    return Response(Decided(str(batch_id), location, recorded), headers={"Location": location})


routes = Router(path="/v1", route_handlers=[approve_batch, reject_batch, prioritise_batch], tags=["batches"])
