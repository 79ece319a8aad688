"""Confirm: did the message arrive?"""

from dispatch.application.ports.providers import Providers
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import Done, GiveUp, Outcome, TryAgain
from dispatch.domain.job.receipt_status import ReceiptStatus


async def confirm(task: Task, providers: Providers) -> Outcome:
    """Ask for the receipt; one that is not there yet is asked for again later.

    Where a person has settled that the message was sent, nobody has a receipt for it.
    """
    sent = task.job.outputs.get("dispatch", {})
    if "settled_by" in sent:
        return Done({"receipt": "settled_by_a_person"})
    message_id = str(sent.get("message_id", ""))
    status = await providers.notifier.receipt(message_id)
    match status:
        case ReceiptStatus.DELIVERED:
            return Done({"receipt": status.value})
        case ReceiptStatus.PENDING:
            return TryAgain("receipt_pending")
        case ReceiptStatus.FAILED:
            return GiveUp("not_delivered")


stage = ProviderStage(name="confirm", after="dispatch", call=confirm, provider="notifier", same_provider_as="dispatch")
