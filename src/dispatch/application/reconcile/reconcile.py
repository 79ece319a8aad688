"""The use case: look, mend where asked, keep the result, and record who mended what and why."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from dispatch.application.handle import handle
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.application.ports.reconciling import Comparison, ReceiptSource, Runs, Span
from dispatch.application.reconcile.judge_batch import starts
from dispatch.application.reconcile.look import LAST_ID, NO_ID, Look, Progress, span_of
from dispatch.application.reconcile.receipts import compare_receipts
from dispatch.application.reconcile.repair import Mending, Tools
from dispatch.application.reconcile.report import Report, Tally
from dispatch.application.reconcile.scope import Scope
from dispatch.domain.identity import command_id
from dispatch.domain.operations.commands import RecordReconciliation
from dispatch.domain.operations.decide import decider

RECEIPTS_MAX = 1_000


@dataclass(frozen=True)
class Reconcile:
    """One reconciliation a call; several at once are harmless.

    It looks in read-only snapshots and is flat in memory. Without `repair` nothing is changed and nothing recorded;
    with it what was done is recorded as `ReconciliationRun`, also when there was nothing to do.
    """

    ledger: EventLedger
    comparison: Comparison
    look: Look
    tools: Tools
    runs: Runs
    clock: Clock

    def __call__(
        self,
        run_id: str,
        scope: Scope,
        by: str,
        *,
        repair: bool = False,
        ask: ReceiptSource | None = None,
        receipts_max: int = RECEIPTS_MAX,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Report:
        """Compare what is in the scope. `run_id` is a new UUID.

        Raises:
            LedgerUnavailable: it could not look, or not record; what was mended stays, and asking again is safe.
        """
        started, tally, progress, receipts = perf_counter(), Tally(), Progress(), 0
        mending = Mending(self.tools)
        try:
            for finding in self.look(scope, progress, on_progress):
                tally.add(finding)
                if repair:
                    mending.take(finding)
            if ask is not None:
                for asked, found in compare_receipts(self.comparison, ask, self._spans(scope), receipts_max):
                    receipts += asked
                    for finding in found:
                        tally.add(finding)
        finally:
            self.comparison.close()
        report = Report(
            run_id=run_id,
            scope=str(scope),
            by=by,
            at=self.clock(),
            batches=progress.batches,
            jobs=progress.jobs,
            receipts=receipts,
            duration_ms=round((perf_counter() - started) * 1000),
            counts=dict(sorted(tally.counts.items())),
            findings=tally.findings(),
            repairs=mending.finish() if repair else [],
            repaired=repair,
        )
        if repair:
            self._record(report)
        return report

    def kept(self, run_id: str, scope: Scope, by: str, *, repair: bool = False, begun: bool = False) -> Report:
        """As a call, with progress and result kept for whoever asks later (`runs`). Raises as a call."""
        if not begun:
            self.runs.begin(run_id, str(scope), by)
        last = perf_counter()

        def note(progress: Progress) -> None:
            nonlocal last
            if perf_counter() - last > 1.0:
                last = perf_counter()
                self.runs.progress(run_id, progress.jobs)

        try:
            report = self(run_id, scope, by, repair=repair, on_progress=note)
        except Exception as error:
            self.runs.failed(run_id, type(error).__name__)
            raise
        self.runs.end(run_id, report)
        return report

    def _spans(self, scope: Scope) -> list[Span]:
        if scope == Scope():
            return [Span(NO_ID, LAST_ID)]
        spans: list[Span] = []
        with self.comparison.snapshot() as snapshot:
            for batch_id in snapshot.batches(batch_id=scope.batch_id or None, since=scope.since):
                history = snapshot.history(batch_id)
                spans += [span_of(batch_id, at) for at in starts(history.events)] if history else []
        return spans

    def _record(self, report: Report) -> None:
        command = RecordReconciliation(
            operation_id=report.run_id,
            at=report.at,
            by=report.by,
            scope=report.scope,
            batches=report.batches,
            jobs=report.jobs,
            counts=report.counts,
            repairs=tuple(report.repairs),
            duration_ms=report.duration_ms,
        )
        cause = Cause(command_id=command_id(report.run_id, "reconcile"), actor=report.by)
        handle(self.ledger, decider, report.run_id, command, cause)
