"""Delivery receipts as providers send them: each is recorded at its job once, or kept until its job is known.

A receipt may come before our own record of the send is committed: then it waits, and is recorded as soon as it can be.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import msgspec

from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Append, Cause, EventLedger, LedgerUnavailable, VersionConflict
from dispatch.application.ports.receipts import Receipt, ReceiptSheet, ReceiptTotals, WaitingReceipt
from dispatch.application.receipt_counts import Owed, Tally
from dispatch.domain.errors import DomainError
from dispatch.domain.identity import command_id
from dispatch.domain.job.commands import RecordReceipt
from dispatch.domain.job.decide import decider
from dispatch.domain.job.events import Event, ReceiptRecorded
from dispatch.domain.job.receipt_status import ReceiptStatus

CONFLICTS_MAX = 8
LOOKED_AT_ONCE = 1_000


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the receipts of one request."""

    received: int
    recorded: int  # At their jobs.
    repeated: int  # Recorded before, or twice in this request.
    pending: int  # Not final: nothing is recorded.
    waiting: int  # Kept until a message is known that they speak of.


class ReceiptsShown(msgspec.Struct, frozen=True, kw_only=True):
    """How many receipts came, by provider, and those of which nobody knows the message, the oldest first."""

    totals: Sequence[ReceiptTotals]
    waiting: Sequence[WaitingReceipt]


@dataclass(frozen=True)
class TakeReceipts:
    """Safe to repeat, and to be done by several at once. Every method raises LedgerUnavailable."""

    ledger: EventLedger
    sheet: ReceiptSheet
    clock: Clock
    chance: Callable[[], float]
    owed: Owed = field(default_factory=Owed)

    def __call__(self, provider: str, receipts: Sequence[Receipt]) -> Taken:
        """Record what this provider said. What is answered is durable. Raises VersionConflict: send it again."""
        final = {receipt.place: receipt for receipt in receipts if receipt.status is not ReceiptStatus.PENDING}
        pending = sum(receipt.status is ReceiptStatus.PENDING for receipt in receipts)
        twice = len(receipts) - pending - len(final)
        tally = Tally()
        try:
            waiting = self._record(list(final.values()), tally)
            counts = tally.counts(received=len(receipts), pending=pending, repeated=twice + len(tally.repeated))
            with self.owed.paid_with(provider, counts) as counts:
                self.sheet.note(provider, counts, waiting)
        except (LedgerUnavailable, VersionConflict):
            self._count_cut_off(provider, tally)
            raise
        return Taken(
            received=len(receipts),
            recorded=len(tally.recorded),
            repeated=twice + len(tally.repeated),
            pending=pending,
            waiting=len(waiting),
        )

    def shown(self, limit: int) -> ReceiptsShown:
        """For people: at most `limit` of those that wait."""
        return ReceiptsShown(totals=self.sheet.totals(), waiting=self.sheet.waiting(limit))

    def look_again(self) -> int:
        """Record those that waited and whose message is known by now; answers how many that were."""
        due = self.sheet.due(LOOKED_AT_ONCE)
        settled = 0
        for provider in sorted({receipt.provider for receipt in due}):
            of_provider = [receipt for receipt in due if receipt.provider == provider]
            tally = Tally()
            try:
                with suppress(VersionConflict):  # Jobs are busy: what is not done by then is put off.
                    self._record(of_provider, tally)
                done = [*tally.recorded, *tally.repeated]
                if done:
                    with self.owed.paid_with(provider, tally.waited()) as counts:
                        self.sheet.settle(provider, counts, done)
            except LedgerUnavailable:  # What was recorded waits still, and will be found recorded.
                self.owed.add(provider, tally.waited())
                raise
            places = {receipt.place for receipt in done}
            self.sheet.put_off([receipt for receipt in of_provider if receipt.place not in places])
            settled += len(done)
        return settled

    def _count_cut_off(self, provider: str, tally: Tally) -> None:
        """Of a request that is refused: what was recorded all the same was received. It comes again as repeated."""
        if not tally.recorded:
            return
        self.owed.add(provider, tally.counts(received=len(tally.recorded)))
        with suppress(LedgerUnavailable), self.owed.paid_with(provider, {}) as counts:
            self.sheet.note(provider, counts, [])

    def _record(self, receipts: Sequence[Receipt], tally: Tally) -> list[Receipt]:
        """Of one provider; answers those whose message is not known."""
        job_of = self._jobs_of(receipts)
        waiting = [receipt for receipt in receipts if receipt.place not in job_of]
        # Delivered first: then nobody is asked about a message that failed at first and arrived after all.
        known = sorted((one for one in receipts if one.place in job_of), key=_delivered_first)
        for wave in _one_a_job([(job_of[receipt.place], receipt) for receipt in known]):
            waiting += self._record_wave(wave, tally)
        return waiting

    def _jobs_of(self, receipts: Sequence[Receipt]) -> dict[tuple[str, str, str, str], str]:
        by_id = [receipt for receipt in receipts if not receipt.idempotency_key]
        found = self.sheet.jobs_of(by_id[0].provider, sorted({one.message_id for one in by_id})) if by_id else {}
        jobs = {receipt.place: found[receipt.message_id] for receipt in by_id if receipt.message_id in found}
        return jobs | {one.place: job for one in receipts if (job := job_of_key(one.idempotency_key))}

    def _record_wave(self, wave: dict[str, Receipt], tally: Tally) -> list[Receipt]:
        """At most one for each job: one load, one append, again for those to which others wrote first."""
        strangers: list[Receipt] = []
        left, conflict = dict(wave), VersionConflict("", 0, 0)
        for _ in range(CONFLICTS_MAX):
            appends: list[Append] = []
            # Drawn anew: of two who bring the same receipt at once, the second must not take the first's for its own.
            asked = command_id("receipt", next(iter(left)), self.chance())
            for job_id, history in self.ledger.load_many(list(left)).items():
                receipt, job = left[job_id], decider.fold(cast("Sequence[Event]", history.events))
                try:
                    events = decider.decide(self._command(job_id, receipt), job)
                except DomainError:
                    strangers.append(receipt)
                    continue
                if not events:
                    tally.repeated.append(receipt)
                    continue
                cause = Cause(command_id=asked, correlation_id=job.batch_id, actor=f"receipt:{receipt.provider}")
                appends.append(Append(job_id, history.version, events, cause))
            conflicts: list[VersionConflict] = []
            for append, answer in zip(appends, self.ledger.append(appends) if appends else [], strict=True):
                if isinstance(answer, VersionConflict):
                    conflicts.append(answer)
                    continue
                [recorded] = [event for event in append.events if isinstance(event, ReceiptRecorded)]
                tally.recorded.append(left[append.stream])
                tally.contradicting += recorded.contradicts
            if not conflicts:
                return strangers
            conflict = conflicts[0]
            left = {each.stream: left[each.stream] for each in conflicts}
        raise conflict

    def _command(self, job_id: str, receipt: Receipt) -> RecordReceipt:
        return RecordReceipt(
            job_id=job_id,
            at=self.clock(),
            provider=receipt.provider,
            status=receipt.status,
            said_at=receipt.said_at,
            message_id=receipt.message_id,
            idempotency_key=receipt.idempotency_key,
            code=receipt.code,
        )


def job_of_key(idempotency_key: str) -> str:
    """The job in a key of ours, as `decide.idempotency_key` makes them; empty where there is none."""
    job_id = idempotency_key.rpartition(".")[2]
    try:
        return job_id if str(UUID(job_id)) == job_id else ""
    except ValueError:
        return ""


def _delivered_first(receipt: Receipt) -> tuple[bool, object]:
    return receipt.status is not ReceiptStatus.DELIVERED, receipt.said_at


def _one_a_job(receipts: Sequence[tuple[str, Receipt]]) -> Iterator[dict[str, Receipt]]:
    """In waves: the second receipt of a job must see what the first has made."""
    left = list(receipts)
    while left:
        wave: dict[str, Receipt] = {}
        later: list[tuple[str, Receipt]] = []
        for job_id, receipt in left:
            if job_id in wave:
                later.append((job_id, receipt))
            else:
                wave[job_id] = receipt
        yield wave
        left = later
