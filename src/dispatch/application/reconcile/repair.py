"""Mend what is safe: offer jobs again, rebuild views, let batches be taken over, close batches. It sends nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dispatch.application.reconcile.findings import Code, Finding
from dispatch.domain.operations.events import Repair, RepairKind

OFFERS_PER_STATEMENT = 1_000
REPAIRS_RECORDED_MAX = 500
VIEW_OF = {Code.JOB_VIEW_DIFFERS: "jobs", Code.BATCH_VIEW_DIFFERS: "batches"}


class Offers(Protocol):
    """Work that the relay publishes at its next sweep. Raises LedgerUnavailable; offering twice is harmless."""

    def offer(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Job ids with their stages. A job that has moved on meanwhile is left alone by the worker."""
        ...


@dataclass(frozen=True)
class Tools:
    """What mends. Each is safe to use twice, and safe while the system works."""

    offers: Offers
    rebuild_view: Callable[[str], object]
    take_over: Callable[[str], None]
    close_batches: Callable[[], Sequence[str]]


@dataclass
class Mending:
    """Collects findings as they come and mends at the end, or in between where they are many."""

    tools: Tools
    _offers: list[Finding] = field(default_factory=list)
    _offered: Counter[tuple[str, str]] = field(default_factory=Counter)  # By batch and code.
    _views: dict[str, str] = field(default_factory=dict)
    _stale: dict[str, str] = field(default_factory=dict)
    _closable: dict[str, str] = field(default_factory=dict)

    def take(self, finding: Finding) -> None:
        """Note what is to be done about it."""
        match finding.repair:
            case RepairKind.OFFER_AGAIN:
                self._offers.append(finding)
                if len(self._offers) >= OFFERS_PER_STATEMENT:
                    self._offer()
            case RepairKind.REBUILD_VIEW:
                self._views.setdefault(VIEW_OF[finding.code], finding.code.value)
            case RepairKind.TAKE_OVER:
                self._stale[finding.batch_id] = finding.code.value
            case RepairKind.CLOSE_BATCH:
                self._closable[finding.batch_id] = finding.code.value
            case None:
                return

    def finish(self) -> list[Repair]:
        """Mend what was noted; answers what was done. Views come first: closing a batch reads them."""
        repairs: list[Repair] = []
        for view, code in sorted(self._views.items()):
            self.tools.rebuild_view(view)
            repairs.append(Repair(kind=RepairKind.REBUILD_VIEW, target=view, because=code))
        self._offer()
        for (batch_id, code), count in sorted(self._offered.items()):
            repairs.append(Repair(kind=RepairKind.OFFER_AGAIN, target=batch_id, because=code, count=count))
        for batch_id, code in sorted(self._stale.items()):
            self.tools.take_over(batch_id)
            repairs.append(Repair(kind=RepairKind.TAKE_OVER, target=batch_id, because=code))
        closed = set(self.tools.close_batches()) if self._closable else set()
        for batch_id, code in sorted(self._closable.items()):
            if batch_id in closed:
                repairs.append(Repair(kind=RepairKind.CLOSE_BATCH, target=batch_id, because=code))
        return repairs[:REPAIRS_RECORDED_MAX]

    def _offer(self) -> None:
        if self._offers:
            self.tools.offers.offer([(finding.job_id, finding.stage) for finding in self._offers])
            self._offered.update((finding.batch_id, finding.code.value) for finding in self._offers)
            self._offers.clear()
