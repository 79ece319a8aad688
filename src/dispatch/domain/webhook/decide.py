"""The rule of messages that are sent to us: one id, one content."""

from dispatch.domain.decider import Decider
from dispatch.domain.errors import DomainError
from dispatch.domain.webhook.commands import Command
from dispatch.domain.webhook.events import Event, WebhookReceived
from dispatch.domain.webhook.state import Webhook, evolve


class WebhookIdReused(DomainError):
    """Another message has this id."""

    code = "webhook_id_reused"


def decide(command: Command, webhook: Webhook) -> list[Event]:
    """The event that this message is; none when it was received before.

    Raises:
        WebhookIdReused: a message with other bytes was received under this id.
    """
    if webhook.file_hash == command.file_hash:
        return []
    if webhook.file_hash:
        raise WebhookIdReused(command.webhook_id)
    return [
        WebhookReceived(
            webhook_id=command.webhook_id,
            at=command.at,
            kind=command.kind,
            source=command.source,
            sent_at=command.sent_at,
            file_hash=command.file_hash,
            file_bytes=command.file_bytes,
            batch_id=command.batch_id,
        )
    ]


decider: Decider[Command, Event, Webhook] = Decider(initial=Webhook, decide=decide, evolve=evolve)
