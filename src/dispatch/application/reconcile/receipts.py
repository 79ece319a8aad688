"""Compare what was sent with what its provider says of it: a few questions a second, outside every snapshot."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
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
    looked, asking = 0, _Asking(ask)
    for span in spans:
        after = span.first
        while looked < limit:
            with comparison.snapshot() as snapshot:
                jobs, now = snapshot.sent(span, after, min(JOBS_PER_ASK, limit - looked)), snapshot.now
            if not jobs:
                break
            after = jobs[-1].job_id
            looked += len(jobs)
            yield asking.compare(jobs, now)


class _Asking:
    """Each provider is asked for its own messages, and left alone when it does not answer; the others go on."""

    def __init__(self, ask: ReceiptSource) -> None:
        self._ask = ask
        self._silences = Counter[str]()
        self._left_alone: set[str] = set()

    def compare(self, jobs: Sequence[SentJob], now: datetime) -> tuple[int, list[Finding]]:
        """How many of these were asked for, and what differs."""
        by_provider: dict[str, list[SentJob]] = defaultdict(list)
        for job in jobs:
            by_provider[job.provider].append(job)
        asked, found = 0, list[Finding]()
        for provider, theirs in by_provider.items():
            if provider in self._left_alone:
                continue
            answers = self._ask(provider, [job.message_id for job in theirs])
            if answers is None:
                found.append(self._leave_alone(provider, f"{provider} is declared no more", "nobody to ask"))
                continue
            asked += len(theirs)
            found += [
                finding
                for job in theirs
                if job.message_id in answers
                for finding in judge_receipt(job, answers[job.message_id], now)
            ]
            self._silences[provider] = 0 if answers else self._silences[provider] + 1
            if self._silences[provider] == SILENCES_MAX:
                found.append(self._leave_alone(provider, f"{provider or 'the provider'} does not answer", "no answer"))
        return asked, found

    def _leave_alone(self, provider: str, why: str, heard: str) -> Finding:
        self._left_alone.add(provider)
        return Place().finding(Code.PROVIDER_SILENT, f"{why}; its receipts were not compared", heard, "receipts")
