"""A ledger with jobs and their receipts, for the tests of the use case that records these."""

from datetime import timedelta
from random import Random

from msgspec.structs import replace

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.receipt_sheet_memory import MemoryReceiptSheet
from dispatch.application.handle import handle
from dispatch.application.ports.ledger import Append
from dispatch.application.ports.receipts import Receipt
from dispatch.application.receipts import TakeReceipts
from dispatch.domain.job.commands import OUTCOME_UNKNOWN, GiveUp, RecordOutcome
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import ReceiptRecorded, StageCompleted
from dispatch.domain.job.receipt_status import ReceiptStatus
from dispatch.domain.retry import RetryPolicy
from examples import NOON
from ledgers import cause, new_id, opened_job

DELIVERED, FAILED, PENDING = ReceiptStatus.DELIVERED, ReceiptStatus.FAILED, ReceiptStatus.PENDING


class World:
    """A ledger with jobs, a sheet, a clock, and the use case over them."""

    def __init__(self):
        self.now = NOON
        self.ledger, self.sheet = MemoryLedger(), MemoryReceiptSheet(lambda: self.now)
        self.take = TakeReceipts(self.ledger, self.sheet, lambda: self.now, Random(1).random)

    def open(self):
        job_id = new_id()
        self.ledger.append([Append(job_id, 0, [replace(opened_job(job_id), route=("dispatch", "confirm"))], cause())])
        return job_id

    def send(self, job_id, message_id, *, seen=True):
        """The message was taken; `seen`: the views have come to it."""
        output = {"message_id": message_id, "provider": "main"}
        sent = StageCompleted(job_id=job_id, at=NOON, stage="dispatch", attempt=1, next_stage="confirm", output=output)
        self.ledger.append([Append(job_id, 1, [sent], cause())])
        if seen:
            self.see(job_id, message_id)

    def ask_a_person(self, job_id):
        """What a worker records that finds the call begun and cannot ask; nothing where somebody was faster."""
        unknown = RecordOutcome(
            job_id=job_id,
            at=NOON,
            stage="dispatch",
            attempt=1,
            outcome=GiveUp(OUTCOME_UNKNOWN, in_doubt=True),
            retry=RetryPolicy(),
            provider="main",
        )
        handle(self.ledger, decider, job_id, unknown, cause())

    def see(self, job_id, message_id):
        self.sheet.sent["main", message_id] = job_id

    def job(self, job_id):
        return decider.fold(self.ledger.load(job_id).events)

    def said(self, job_id):
        return [e.status for e in self.ledger.load(job_id).events if isinstance(e, ReceiptRecorded)]

    def later(self, seconds=1.0):
        self.now += timedelta(seconds=seconds)
        return self.take.look_again()


def receipt(message_id="", status=DELIVERED, **more):
    return Receipt(**{"provider": "main", "status": status, "said_at": NOON, "message_id": message_id, **more})


def sums(world):
    [total] = world.sheet.totals()
    assert total.received == total.recorded + total.repeated + total.pending + total.waiting
    return total
