"""Confirm: did the message arrive?"""

from datetime import timedelta

from dispatch.application.calling.line import ProviderSpec, ReceiptsBy
from dispatch.application.ports.providers import Providers
from dispatch.application.stages.stage import ProviderStage, Task
from dispatch.domain.job.commands import Defer, Done, GiveUp, Outcome, TryAgain
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.job.receipts import NOT_DELIVERED, RECEIPT_MISSING, receipt_of


async def confirm(task: Task, providers: Providers) -> Outcome:
    """Ask for the receipt; one that is not there yet is asked for again later."""
    message_id = str(task.job.outputs.get("dispatch", {}).get("message_id", ""))
    status = await providers.notifier.receipt(message_id)
    match status:
        case ReceiptStatus.DELIVERED:
            return Done({"receipt": status.value})
        case ReceiptStatus.PENDING:
            return TryAgain("receipt_pending")
        case ReceiptStatus.FAILED:
            return GiveUp(NOT_DELIVERED)


def known(task: Task, spec: ProviderSpec) -> Outcome | None:
    """What is known without asking: a signed receipt, or that there is still time for one to come.

    Where a person has settled that the message was sent, nobody has a receipt for it. Where a person had a job tried
    again whose message failed, its provider is asked, if it can be.
    """
    sent = task.job.outputs.get("dispatch", {})
    can_be_asked = spec.receipts is not ReceiptsBy.WEBHOOK and "message_id" in sent
    match receipt_of(task.job):
        case ReceiptStatus.DELIVERED as status:
            return Done({"receipt": status.value, "provider": spec.name})
        case ReceiptStatus.FAILED:
            return None if can_be_asked and task.job.forgiven else GiveUp(NOT_DELIVERED)
        case ReceiptStatus.PENDING if "settled_by" in sent:
            return Done({"receipt": "settled_by_a_person"})
        case ReceiptStatus.PENDING if spec.receipts is ReceiptsBy.ASK:
            return None
        case ReceiptStatus.PENDING:
            until = (task.job.sent_at or task.at) + timedelta(seconds=spec.receipt_within_s)
            if until > task.at:
                return Defer(f"receipt_awaited:{spec.name}", (until - task.at).total_seconds())
            return None if can_be_asked else GiveUp(RECEIPT_MISSING)


stage = ProviderStage(
    name="confirm",
    after="dispatch",
    call=confirm,
    provider="notifier",
    same_provider_as="dispatch",
    known=known,
)
