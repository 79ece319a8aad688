"""What may be asked of a message that was sent to us."""

from datetime import datetime

import msgspec


class TakeWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """Record that it came; the same again is no event."""

    webhook_id: str
    at: datetime
    kind: str
    source: str
    sent_at: datetime | None
    file_hash: str
    file_bytes: int
    batch_id: str


Command = TakeWebhook
