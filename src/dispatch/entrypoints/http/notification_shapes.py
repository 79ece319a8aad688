"""What the body of a notification may hold, for the OpenAPI document; the handlers read it field by field."""

from dataclasses import dataclass
from enum import StrEnum

from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from dispatch.application.notifications.batches import ITEMS_MAX
from dispatch.application.notifications.requests import KEY_MAX, NAME_MAX, REFERENCE_MAX
from dispatch.application.ports.providers import Channel
from dispatch.domain.consent import Basis
from dispatch.domain.job.priority import JobPriority
from dispatch.domain.notification import CONTENT_MAX, SUBJECT_MAX, Purpose


def _text(description: str, length_max: int | None = None) -> Schema:
    return Schema(type=OpenAPIType.STRING, description=description, max_length=length_max)


def _choice(kind: type[StrEnum], description: str, without: StrEnum | None = None) -> Schema:
    known = [one.value for one in kind if one is not without]
    return Schema(type=OpenAPIType.STRING, enum=known, description=description)


def _permission() -> Schema:
    return Schema(
        type=OpenAPIType.OBJECT,
        required=["basis"],
        description="On what ground the person is written to; the gate decides on the day of sending.",
        properties={
            "basis": _choice(Basis, "A contract carries service messages only.", without=Basis.NONE),
            "consentOn": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE, description="When it was given."),
            "statement": _text("Which wording was shown: its id and version.", NAME_MAX),
            "saleRef": _text("The sale that a soft opt-in comes from.", NAME_MAX),
            "objected": Schema(type=OpenAPIType.BOOLEAN, description="Has the person objected? Then nothing is sent."),
        },
    )


def notification_schema() -> Schema:
    """One notification as it may be sent; any other field is refused."""
    lengths = ", ".join(f"{name} {length:,}" for name, length in CONTENT_MAX.items())
    when = "Not before this time, at most a year ahead; without it at once."
    return Schema(
        type=OpenAPIType.OBJECT,
        required=["channel", "to", "content", "kind", "permission"],
        properties={
            "channel": _choice(Channel, "How it travels."),
            "to": _text("A UK phone number, an e-mail address, or a device's token, by channel."),
            "content": _text(f"What it says. Characters at most: {lengths}.", max(CONTENT_MAX.values())),
            "subject": _text("Of an e-mail.", SUBJECT_MAX),
            "name": _text("Of the person.", NAME_MAX),
            "kind": _choice(Purpose, "What it is for."),
            "permission": _permission(),
            "priority": _choice(JobPriority, "Normal unless given."),
            "scheduledAt": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME, description=when),
            "reference": _text("The caller's own; shown to everybody, so nothing personal.", REFERENCE_MAX),
            "idempotencyKey": _text("As the header Idempotency-Key.", KEY_MAX),
        },
    )


@dataclass
class NotifyOperation(Operation):
    """Says in the OpenAPI document what the body may be; the handler reads it field by field."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            required=True, content={"application/json": OpenAPIMediaType(notification_schema())}
        )


@dataclass
class BatchOperation(Operation):
    """As `NotifyOperation`, for many."""

    def __post_init__(self) -> None:
        items = Schema(type=OpenAPIType.ARRAY, min_items=1, max_items=ITEMS_MAX, items=notification_schema())
        body = Schema(type=OpenAPIType.OBJECT, required=["items"], properties={"items": items})
        self.request_body = RequestBody(required=True, content={"application/json": OpenAPIMediaType(body)})
