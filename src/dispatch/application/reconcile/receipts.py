"""Compare what was sent with what the provider says of it: a few questions a second, outside every snapshot."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from dispatch.application.ports.reconciling import Comparison, ReceiptSource, SentJob, Span
from dispatch.application.reconcile.findings import Code, Finding, Place
from dispatch.domain.job.receipt_status import ReceiptStatus

JOBS_PER_ASK = 20
SILENCES_MAX = 3
"""After so many groups of questions without any answer the provider is left alone."""
CONFIRMED_WITHIN = timedelta(minutes=5)
"""`confirm` asks for a receipt by itself; a difference is one when it has had time to."""


def judge_receipt(job: SentJob, answer: ReceiptStatus | str, now: datetime) -> Iterator[Finding]:
    """Does the provider say what the ledger says? An answer that is no status is the provider's refusal."""
    place = Place(job.batch_id, job.job_id)
    ledger = "delivered" if job.is_delivered else "sent"
    match answer:
        case ReceiptStatus.FAILED if job.is_delivered:
            what = "the ledger says delivered, the provider says it failed"
            yield place.finding(Code.RECEIPT_FAILED, what, f"failed, {job.message_id}", ledger)
        case ReceiptStatus.PENDING if job.is_delivered:
            what = "the ledger says delivered, the provider has no receipt yet"
            yield place.finding(Code.RECEIPT_PENDING, what, f"pending, {job.message_id}", ledger)
        case ReceiptStatus.DELIVERED if not job.is_delivered and now - job.sent_at > CONFIRMED_WITHIN:
            what = "the provider has delivered it, the ledger does not say so yet"
            yield place.finding(Code.DELIVERY_NOT_RECORDED, what, ledger, f"delivered, {job.message_id}")
        case str() if not isinstance(answer, ReceiptStatus):
            what = "the provider does not know a message that the ledger says was sent"
            yield place.finding(Code.MESSAGE_UNKNOWN, what, f"{answer}, {job.message_id}", ledger)


def compare_receipts(
    comparison: Comparison, ask: ReceiptSource, spans: Sequence[Span], limit: int
) -> Iterator[tuple[int, Sequence[Finding]]]:
    """Ask for up to `limit` jobs of these spans; each step says how many were asked and what differs."""
    asked = silences = 0
    for span in spans:
        after = span.first
        while asked < limit and silences < SILENCES_MAX:
            with comparison.snapshot() as snapshot:
                jobs, now = snapshot.sent(span, after, min(JOBS_PER_ASK, limit - asked)), snapshot.now
            if not jobs:
                break
            after = jobs[-1].job_id
            answers: Mapping[str, ReceiptStatus | str] = ask([job.message_id for job in jobs])
            silences = 0 if answers else silences + 1
            asked += len(jobs)
            found = [
                finding
                for job in jobs
                if job.message_id in answers
                for finding in judge_receipt(job, answers[job.message_id], now)
            ]
            if silences == SILENCES_MAX:
                what = "the provider does not answer; its receipts were not compared"
                found.append(Place().finding(Code.PROVIDER_SILENT, what, "no answer", "receipts"))
            yield len(jobs), found
