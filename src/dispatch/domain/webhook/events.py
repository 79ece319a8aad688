"""What has happened to a message that was sent to us. Names and fields are stored: extend them, never rename."""

from datetime import datetime

import msgspec


class WebhookReceived(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It was taken, and its rows wait in a batch.

    The data are the received file of this hash: they may tell of persons, so they stand in no event.
    """

    webhook_id: str  # Made of the type and of the sender's id of the message, or of its bytes.
    at: datetime
    kind: str  # What the path calls it, as `bank`.
    source: str  # Whose word it is: the actor of the batch.
    sent_at: datetime | None  # When the sender signed it, where it says so.
    file_hash: str  # SHA-256 in hex
    file_bytes: int
    batch_id: str


Event = WebhookReceived
