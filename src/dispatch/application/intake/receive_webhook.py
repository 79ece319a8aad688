"""Receive a message that was sent by signed webhook: known by its id and by its bytes, its rows a batch."""

from dataclasses import dataclass
from datetime import datetime

from dispatch.application.handle import handle
from dispatch.application.intake.profiles import Profile
from dispatch.application.intake.receive import Received, ReceiveFile, Upload
from dispatch.application.ports.ledger import Cause
from dispatch.domain import identity
from dispatch.domain.webhook.commands import TakeWebhook
from dispatch.domain.webhook.decide import decider


@dataclass(frozen=True)
class ReceiveWebhook:
    """Records the message, then its batch. Whoever is answered finds both: the batch is the queue of its work."""

    receive: ReceiveFile

    def __call__(
        self,
        upload: Upload,
        profile: Profile,
        file_name: str,
        *,
        kind: str,
        message_id: str,
        sent_at: datetime | None,
        error_threshold_percent: int,
    ) -> Received:
        """Keep the data and record that it came; ending half way and asked again, it goes on.

        Raises:
            FileRefused, ThresholdOutOfRange, LedgerUnavailable: as `ReceiveFile.complete`.
            WebhookIdReused: other data came under this id before; nothing is recorded.
        """
        _, facts = upload.finish()
        webhook_id, at, source = identity.webhook_id(kind, message_id, facts.sha256), self.receive.clock(), actor(kind)
        command = TakeWebhook(
            webhook_id=webhook_id,
            at=at,
            kind=kind,
            source=source,
            sent_at=sent_at,
            file_hash=facts.sha256,
            file_bytes=facts.bytes,
            batch_id=identity.batch_id(facts.sha256),
        )
        asked = identity.command_id(webhook_id, "take", at)
        cause = Cause(command_id=asked, correlation_id=command.batch_id, actor=source)
        handle(self.receive.ledger, decider, webhook_id, command, cause)
        return self.receive.complete(
            upload, profile, file_name, error_threshold_percent=error_threshold_percent, by=source
        )


def actor(kind: str) -> str:
    """Under which name the ledger records what came under this type."""
    return f"webhook:{kind}"
