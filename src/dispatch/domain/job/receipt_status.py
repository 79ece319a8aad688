"""The words for what became of a message."""

from enum import StrEnum


class ReceiptStatus(StrEnum):
    """What became of a message that a provider accepted."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
