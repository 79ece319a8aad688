"""Many notifications in one call: each has its own answer, and a refused one costs the others nothing."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Self

import msgspec

from dispatch.application.notifications.opening import Answer, Taken
from dispatch.application.notifications.requests import Fault, Faulty, NotificationRequest, read_notification
from dispatch.domain.errors import DomainError

ITEMS_MAX = 1_000
"""Acceptance S.05."""
INVALID = "notification_invalid"


class ItemOutcome(StrEnum):
    """What became of an item: taken, known since before, or not taken."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class ItemReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to one item; `code` and `errors` say why it was refused."""

    index: int
    outcome: ItemOutcome
    notification_id: str = ""
    code: str = ""
    errors: list[Fault] = []


class BatchReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answers to all items of a call, in their order."""

    accepted: int
    duplicates: int
    refused: int
    items: list[ItemReport]

    @classmethod
    def of(cls, items: Sequence[ItemReport]) -> Self:
        """With the counts of these items."""
        outcomes = [item.outcome for item in items]
        return cls(
            accepted=outcomes.count(ItemOutcome.ACCEPTED),
            duplicates=outcomes.count(ItemOutcome.DUPLICATE),
            refused=outcomes.count(ItemOutcome.REFUSED),
            items=list(items),
        )


def take_batch(
    open_all: Callable[[Sequence[NotificationRequest]], list[Answer]], items: Sequence[Any], key: str = ""
) -> BatchReport:
    """Take the items that can be taken. One without a key of its own has `key`, with its index behind it.

    Raises what opening raises; nothing is known to be recorded then, and with keys the whole call may be repeated.
    """
    read = [_read(item, index, key) for index, item in enumerate(items)]
    answers = iter(open_all([one for one in read if isinstance(one, NotificationRequest)]))
    return BatchReport.of(
        [
            _report(index, next(answers) if isinstance(one, NotificationRequest) else one)
            for index, one in enumerate(read)
        ]
    )


def _read(item: object, index: int, key: str) -> NotificationRequest | list[Fault]:
    try:
        return read_notification(item, f"#/items/{index}", f"{key}/{index}" if key else "")
    except Faulty as faulty:
        return faulty.faults


def _report(index: int, answer: Answer | list[Fault]) -> ItemReport:
    match answer:
        case Taken():
            outcome = ItemOutcome.ACCEPTED if answer.is_new else ItemOutcome.DUPLICATE
            return ItemReport(index=index, outcome=outcome, notification_id=answer.notification_id)
        case DomainError():
            fault = Fault(f"#/items/{index}", str(answer))
            return ItemReport(index=index, outcome=ItemOutcome.REFUSED, code=answer.code, errors=[fault])
        case faults:
            return ItemReport(index=index, outcome=ItemOutcome.REFUSED, code=INVALID, errors=faults)
