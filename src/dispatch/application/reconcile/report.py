"""What a reconciliation answers: how much it looked at, what differs, and what was mended."""

from collections import Counter
from datetime import datetime

import msgspec

from dispatch.application.reconcile.findings import MEANINGS, Code, Finding, Severity, ShownFinding, shown
from dispatch.domain.operations.events import Repair

FINDINGS_KEPT = 1_000
"""So many findings are in a report; the counts are exact however many there are."""
KEPT_PER_CODE = 200
"""One kind of difference that is everywhere leaves room for the others."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A reconciliation that is over."""

    run_id: str
    scope: str
    by: str
    at: datetime
    batches: int
    jobs: int
    receipts: int  # That providers were asked for.
    duration_ms: int
    counts: dict[str, int]  # Differences by code.
    findings: list[ShownFinding]  # The first of each code, errors first.
    repairs: list[Repair]
    repaired: bool  # Whether it was to mend anything.

    @property
    def differences(self) -> int:
        """How many differences there are."""
        return sum(self.counts.values())

    @property
    def errors(self) -> int:
        """How many of them break a promise."""
        return sum(count for code, count in self.counts.items() if MEANINGS[Code(code)].severity is Severity.ERROR)

    @property
    def jobs_per_s(self) -> float:
        """How fast it was."""
        return self.jobs / (self.duration_ms / 1000) if self.duration_ms else 0.0


class Tally:
    """Counts findings and keeps the first of each code: flat in memory however many come."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._kept: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """Count one more."""
        code = finding.code.value
        self.counts[code] += 1
        if self.counts[code] <= KEPT_PER_CODE and len(self._kept) < FINDINGS_KEPT:
            self._kept.append(finding)

    def findings(self) -> list[ShownFinding]:
        """In an order that is the same for the same state."""
        return [shown(finding) for finding in sorted(self._kept, key=lambda finding: finding.order)]
