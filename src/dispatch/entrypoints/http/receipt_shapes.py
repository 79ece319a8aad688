"""Receipts as they stand on the wire. Nothing of a refused one comes back: it may name a person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar.openapi.spec import Example, OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from msgspec import Meta

from dispatch.application.ports.receipts import Receipt
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.entrypoints.http.problem import FieldProblem, Refused

RECEIPTS_MAX = 1_000
PROBLEMS_MAX = 20
CODE = r"^(?![\s\S]*\d{7})[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
"""No room for a sentence, an address or a phone number."""
ID = r"^[\x21-\x7e]{1,200}$"
STATUSES = ", ".join(ReceiptStatus)


class _Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt; other fields of the provider are left aside."""

    status: str
    at: Annotated[datetime, Meta(tz=True)]
    message_id: Annotated[str, Meta(pattern=ID)] | None = None
    idempotency_key: Annotated[str, Meta(pattern=ID)] | None = None
    code: Annotated[str, Meta(pattern=CODE)] | Annotated[int, Meta(ge=0, le=999_999)] | None = None


def read_receipts(provider: str, body: bytes) -> list[Receipt]:
    """The receipts in a body. Raises Refused: `request_invalid`, `receipts_invalid`."""
    try:
        given: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what, fix = "the body is not JSON", "send a receipt, an array of them, or an object with the array `receipts`"
        raise Refused("request_invalid", what, where="request body", fix=fix) from error
    items, pointer = (given, "") if isinstance(given, list) else ([given], "")
    if isinstance(given, dict) and "receipts" in given:
        items, pointer = given["receipts"], "/receipts"
    if not isinstance(items, list) or not 1 <= len(items) <= RECEIPTS_MAX:
        what, fix = f"a request holds 1 to {RECEIPTS_MAX:,} receipts", "send the others in further requests"
        raise Refused("receipts_invalid", what, where=f"#{pointer}", fix=fix)
    receipts: list[Receipt] = []
    problems: list[FieldProblem] = []
    single = items is not given and not pointer
    for place, item in enumerate(items):
        where = "#" if single else f"#{pointer}/{place}"
        try:
            receipts.append(_read(provider, item))
        except ValueError as error:
            problems.append(FieldProblem(pointer=where, detail=str(error)))
    if problems:
        what = f"{len(problems):,} of {len(items):,} receipts cannot be used, and nothing was recorded"
        fix = "mend what stands in `errors`, or send the others without them"
        raise Refused("receipts_invalid", what, where=problems[0].pointer, fix=fix, errors=problems[:PROBLEMS_MAX])
    return receipts


def _read(provider: str, item: Any) -> Receipt:  # noqa: ANN401 - decoded JSON
    """Raises ValueError, which repeats no value."""
    shape = msgspec.convert(item, _Shape)
    if shape.status not in list(ReceiptStatus):
        raise ValueError(f"`status` is none of {STATUSES}: send one of them")
    if not shape.message_id and not shape.idempotency_key:
        raise ValueError("it names no message: give its `message_id`, or the `idempotency_key` it was sent under")
    return Receipt(
        provider=provider,
        status=ReceiptStatus(shape.status),
        said_at=shape.at,
        message_id=shape.message_id or "",
        idempotency_key=shape.idempotency_key or "",
        code="" if shape.code is None else str(shape.code),
    )


_ONE = Schema(
    type=OpenAPIType.OBJECT,
    required=["status", "at"],
    properties={
        "message_id": Schema(type=OpenAPIType.STRING, pattern=ID, description="The provider's own id of the message."),
        "idempotency_key": Schema(
            type=OpenAPIType.STRING, pattern=ID, description="The key it was sent under; one of the two, or both."
        ),
        "status": Schema(type=OpenAPIType.STRING, enum=[status.value for status in ReceiptStatus]),
        "at": Schema(
            type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME, description="When it was so, with an offset."
        ),
        "code": Schema(
            one_of=[
                Schema(type=OpenAPIType.STRING, pattern=CODE),
                Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=999_999),
            ],
            description="The provider's own code; no sentence, nothing about a person.",
        ),
    },
)
_MANY = Schema(type=OpenAPIType.ARRAY, items=_ONE, min_items=1, max_items=RECEIPTS_MAX)


@dataclass
class ReceiptsOperation(Operation):
    """The body is read as bytes, since its signature is over bytes: so its form is said here."""

    def __post_init__(self) -> None:
        wrapped = Schema(type=OpenAPIType.OBJECT, required=["receipts"], properties={"receipts": _MANY})
        example = Example(value={"message_id": "m-1", "status": "delivered", "at": "2026-11-23T12:00:00Z"})
        media = OpenAPIMediaType(schema=Schema(one_of=[_ONE, _MANY, wrapped]), examples={"one": example})
        self.request_body = RequestBody(content={"application/json": media}, required=True)
