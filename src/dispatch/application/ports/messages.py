"""Which signed messages were taken in, so that one that is delivered twice is answered with its first batch."""

from typing import Protocol


class MessageLog(Protocol):
    """Remembers messages by source and id for thirty days. What it forgets, the hash of the content still finds."""

    def batch_of(self, source: str, message_id: str) -> str | None:
        """The batch that this message became. Raises LedgerUnavailable."""
        ...

    def remember(self, source: str, message_id: str, batch_id: str) -> None:
        """This message became this batch; the first word counts. Raises LedgerUnavailable."""
        ...
