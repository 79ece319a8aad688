"""The sheet of receipts in memory: for tests."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dispatch.application.ports.clock import Clock, utc_now
from dispatch.application.ports.receipts import Receipt, ReceiptKind, ReceiptSheet, ReceiptTotals, WaitingReceipt

LOOK_SOONEST, LOOK_LATEST = timedelta(seconds=0.5), timedelta(minutes=10)


class MemoryReceiptSheet(ReceiptSheet):
    """`sent` says which job has which message of a provider: what the views know, elsewhere."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self.sent: dict[tuple[str, str], str] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._kept: dict[tuple[str, str, str, str], tuple[Receipt, datetime, datetime, int]] = {}

    def jobs_of(self, provider: str, message_ids: Sequence[str]) -> Mapping[str, str]:
        return {one: self.sent[provider, one] for one in message_ids if (provider, one) in self.sent}

    def note(self, provider: str, counts: Mapping[str, int], waiting: Sequence[Receipt]) -> None:
        self._counts.setdefault(provider, Counter()).update(counts)
        for receipt in waiting:
            kept, first_at, look_at, times = self._kept.get(receipt.place, (receipt, self._clock(), self._clock(), 0))
            self._kept[receipt.place] = (kept, first_at, look_at, times + 1)
            self._counts[provider][ReceiptKind.REPEATED] += times > 0

    def due(self, limit: int) -> Sequence[Receipt]:
        now = self._clock()
        due = sorted((look_at, receipt.place) for receipt, _, look_at, _ in self._kept.values() if look_at <= now)
        return [self._kept[place][0] for _, place in due[:limit]]

    def settle(self, provider: str, counts: Mapping[str, int], receipts: Sequence[Receipt]) -> None:
        waited = sum(self._kept.pop(receipt.place, None) is not None for receipt in receipts)
        self._counts.setdefault(provider, Counter()).update(counts)
        self._counts[provider][ReceiptKind.REPEATED] += waited

    def put_off(self, receipts: Sequence[Receipt]) -> None:
        now = self._clock()
        for receipt in receipts:
            kept, first_at, _, times = self._kept[receipt.place]
            wait = min(LOOK_LATEST, max(LOOK_SOONEST, (now - first_at) / 10))
            self._kept[receipt.place] = (kept, first_at, now + wait, times)

    def totals(self) -> Sequence[ReceiptTotals]:
        names = sorted(self._counts)
        waiting = Counter(receipt.provider for receipt, *_ in self._kept.values())
        return [
            ReceiptTotals(
                provider=name,
                **{field: self._counts[name][field] for field in ReceiptTotals.__struct_fields__[1:-1]},
                waiting=waiting[name],
            )
            for name in names
        ]

    def waiting(self, limit: int) -> Sequence[WaitingReceipt]:
        kept = sorted(self._kept.values(), key=lambda one: (one[1], one[0].place))
        return [
            WaitingReceipt(
                provider=receipt.provider,
                message_id=receipt.message_id,
                idempotency_key=receipt.idempotency_key,
                status=receipt.status,
                code=receipt.code,
                said_at=receipt.said_at,
                first_at=first_at,
                times=times,
            )
            for receipt, first_at, _, times in kept[:limit]
        ]
