"""Receipts that no job of ours answers to yet, and how many there were of each kind."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from dispatch.domain.job.receipt_status import ReceiptStatus


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider said of one message: named by its own id, by the key it was sent under, or by both."""

    provider: str
    status: ReceiptStatus
    said_at: datetime
    message_id: str = ""
    idempotency_key: str = ""
    code: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What is the same in every repetition of it."""
        return self.provider, self.message_id, self.idempotency_key, self.status.value


class ReceiptKind(StrEnum):
    """What can become of a receipt."""

    RECORDED = "recorded"  # At its job.
    REPEATED = "repeated"  # It was recorded before.
    PENDING = "pending"  # It says only that there is nothing to say yet.
    CONTRADICTING = "contradicting"  # Of the recorded ones: it says the other thing than one before it.
    LATE = "late"  # Of the recorded ones: it had to wait.


class ReceiptTotals(msgspec.Struct, frozen=True, kw_only=True):
    """How many receipts a provider has sent, by what became of them; `waiting` is how many wait now.

    received = recorded + repeated + pending + waiting, unless a process was killed between a record and its count, or
    the answer to a write was lost. Of a request that was refused after a part was recorded, that part was received.
    """

    provider: str
    received: int = 0
    recorded: int = 0
    repeated: int = 0
    pending: int = 0
    contradicting: int = 0
    late: int = 0
    waiting: int = 0


class WaitingReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt of which nobody knows the message."""

    provider: str
    message_id: str
    idempotency_key: str
    status: ReceiptStatus
    code: str
    said_at: datetime
    first_at: datetime
    times: int


class ReceiptSheet(Protocol):
    """Durable. Every method raises LedgerUnavailable, and may be called again then."""

    def jobs_of(self, provider: str, message_ids: Sequence[str]) -> Mapping[str, str]:
        """The jobs whose messages a provider has under these ids, as far as the views have come."""
        ...

    def note(self, provider: str, counts: Mapping[str, int], waiting: Sequence[Receipt]) -> None:
        """Add to the counts (`received` and `ReceiptKind`), and keep what waits; what waits already is repeated."""
        ...

    def due(self, limit: int) -> Sequence[Receipt]:
        """Of those that wait, the ones to be looked at now: again after a tenth of the time that they have waited."""
        ...

    def settle(self, provider: str, counts: Mapping[str, int], receipts: Sequence[Receipt]) -> None:
        """They wait no longer, and each that still did is repeated, beside these counts: all of it or nothing."""
        ...

    def put_off(self, receipts: Sequence[Receipt]) -> None:
        """They wait on."""
        ...

    def totals(self) -> Sequence[ReceiptTotals]:
        """By provider, in the order of their names."""
        ...

    def waiting(self, limit: int) -> Sequence[WaitingReceipt]:
        """What waits, the oldest first."""
        ...
