"""Notifications over HTTP: single messages that are sent as they come, or at their time."""

import asyncio
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter, SkipValidation

from dispatch.application.moment import parse_time
from dispatch.application.notifications.batches import INVALID, ITEMS_MAX, BatchReport, take_batch
from dispatch.application.notifications.desk import NotificationDetail, just_opened
from dispatch.application.notifications.requests import KEY_MAX, Fault, Faulty, read_notification
from dispatch.application.ports.notifications import NotificationRow, Place
from dispatch.application.ports.providers import Channel
from dispatch.domain.errors import DomainError
from dispatch.domain.job.state import JobStatus
from dispatch.entrypoints.bootstrap import App
from dispatch.entrypoints.http.gathering import Gathering
from dispatch.entrypoints.http.notification_shapes import BatchOperation, NotifyOperation
from dispatch.entrypoints.http.paging import Cursor, Limit, Page, decode_cursor, paged
from dispatch.entrypoints.http.problem import FieldProblem, Refused, documented

ACTOR = "api"
ONE_BYTES_MAX = 256 * 1024
BATCH_BYTES_MAX = 32 * 1024 * 1024

TheApp = NamedDependency[SkipValidation[App]]
TheGathering = NamedDependency[SkipValidation[Gathering]]
Key = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=KEY_MAX + 2,
        description="Sent again with the same key, it is the same notification. Quotes around it count for nothing.",
    ),
]


class Withdrawal(msgspec.Struct, frozen=True):
    """Why a notification is cancelled. The reason is shown to everybody: no names, no numbers of people."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "cancelled_by_caller"


@post(
    "/notifications",
    operation_id="sendNotification",
    operation_class=NotifyOperation,
    status_code=202,
    request_max_body_size=ONE_BYTES_MAX,
    responses=documented(403, 413, 422),
)
async def send(
    request: Request[Any, Any, Any], app: TheApp, gathering: TheGathering, idempotency_key: Key = ""
) -> Response[NotificationRow]:
    """Send one message, at once or at its time. 202 when it is new; 200 with the first one when its key is known."""
    try:
        asked = read_notification(await _json(request), idempotency_key=_unquoted(idempotency_key))
    except Faulty as faulty:
        what, fix = "the notification cannot be taken", "mend the fields in `errors`"
        raise Refused(INVALID, what, fix=fix, errors=_problems(faulty.faults)) from None
    answer = await gathering.open(asked)
    if isinstance(answer, DomainError):
        raise answer
    headers = {"Location": _location(answer.notification_id)}
    if answer.is_new:
        return Response(just_opened(answer.opened), headers=headers)
    known: NotificationRow = await asyncio.to_thread(app.notifications.show, answer.notification_id)
    return Response(known, status_code=200, headers=headers)


@post(
    "/notifications/batch",
    operation_id="sendNotifications",
    operation_class=BatchOperation,
    status_code=202,
    request_max_body_size=BATCH_BYTES_MAX,
    responses=documented(403, 413, 422),
)
async def send_batch(request: Request[Any, Any, Any], app: TheApp, idempotency_key: Key = "") -> Response[BatchReport]:
    """Send up to 1,000 messages. Each item has its own answer, and a refused one costs the others nothing.

    An item without a key of its own has the header's, with its index behind it: a call may be repeated as a whole.
    """
    body, key = await _json(request), _unquoted(idempotency_key)
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= ITEMS_MAX:
        what = f"a batch is an object with 1 to {ITEMS_MAX:,} `items`"
        raise Refused(INVALID, what, where="#/items", fix="send more than that in several calls")
    open_all = partial(app.notifications.open, by=ACTOR)
    return Response(await asyncio.to_thread(take_batch, open_all, items, key))


@get("/notifications", operation_id="listNotifications", sync_to_thread=True, responses=documented())
def list_notifications(
    request: Request[Any, Any, Any],
    app: TheApp,
    status: Annotated[JobStatus | None, QueryParameter(description="Only those in this state.")] = None,
    channel: Annotated[Channel | None, QueryParameter(description="Only those of this channel.")] = None,
    since: Annotated[
        str, QueryParameter(max_length=40, description="Only those created since: ISO 8601, UTC unless it says.")
    ] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Response[Page[NotificationRow]]:
    """Notifications, newest first. One shows a moment after it was taken."""
    try:
        moment = parse_time(since) if since else None
    except ValueError as error:
        raise Refused("request_invalid", str(error), where="since", fix="write it so") from error
    before = decode_cursor(cursor, Place)
    rows = app.notifications.queries.listed(
        status=status, channel=channel.value if channel else "", since=moment, before=before, limit=limit + 1
    )
    items = rows[:limit]
    last = Place(items[-1].created_at, UUID(items[-1].notification_id)) if len(rows) > limit else None
    return paged(request, items, last)


@get(
    "/notifications/{notification_id:uuid}",
    operation_id="getNotification",
    sync_to_thread=True,
    responses=documented(404),
)
def show(notification_id: FromPath[UUID], app: TheApp) -> NotificationDetail:
    """One notification and everything that happened to it, without what it says and to whom."""
    return app.notifications.show(str(notification_id))


@post(
    "/notifications/{notification_id:uuid}/cancel",
    operation_id="cancelNotification",
    status_code=202,
    sync_to_thread=True,
    responses=documented(403, 404, 409),
)
def cancel(
    notification_id: FromPath[UUID], app: TheApp, data: JSONBody[Withdrawal | None] = None
) -> Response[NotificationDetail]:
    """End a notification that was not sent. 409 when it is too late; asking twice cancels once."""
    reason = (data or Withdrawal()).reason
    shown = app.notifications.cancel(str(notification_id), ACTOR, reason)
    return Response(shown, headers={"Location": _location(shown.notification_id)})


async def _json(request: Request[Any, Any, Any]) -> Any:  # noqa: ANN401 - whatever was sent
    try:
        return msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(
            "request_invalid", f"the body is not JSON: {error}", where="request body", fix="send an object in UTF-8"
        ) from None


def _problems(faults: list[Fault]) -> list[FieldProblem]:
    return [FieldProblem(fault.pointer, fault.detail) for fault in faults]


def _location(notification_id: str) -> str:
    return f"/v1/notifications/{notification_id}"


def _unquoted(key: str) -> str:
    """The header's value is a string of RFC 8941, in quotes; most callers leave them out."""
    key = key.strip()
    return key[1:-1] if len(key) > 1 and key.startswith('"') and key.endswith('"') else key


routes = Router(path="/v1", route_handlers=[send, send_batch, list_notifications, show, cancel], tags=["notifications"])
