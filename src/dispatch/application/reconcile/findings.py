"""A difference that a reconciliation found, and what each kind of difference means."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from dispatch.domain.operations.events import RepairKind


class Severity(StrEnum):
    """An error breaks a promise; a warning may pass by itself or needs a look."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """What can differ. Public and stable."""

    ROWS_DO_NOT_ADD_UP = "rows_do_not_add_up"
    JOBS_MISSING = "jobs_missing"
    JOBS_EXTRA = "jobs_extra"
    BATCH_VIEW_DIFFERS = "batch_view_differs"
    BATCH_NOT_CLOSED = "batch_not_closed"
    BATCH_CLOSED_EARLY = "batch_closed_early"
    BATCH_STALE = "batch_stale"
    EVENTS_MISSING = "events_missing"
    JOB_VIEW_DIFFERS = "job_view_differs"
    JOB_FORGOTTEN = "job_forgotten"
    ATTEMPT_IN_DOUBT = "attempt_in_doubt"
    DELIVERED_WITHOUT_SEND = "delivered_without_send"
    SENT_WITHOUT_START = "sent_without_start"
    SENT_WITHOUT_CLEARANCE = "sent_without_clearance"
    SENT_TWICE = "sent_twice"
    MOVED_AFTER_END = "moved_after_end"
    RECEIPT_FAILED = "receipt_failed"
    RECEIPT_PENDING = "receipt_pending"
    DELIVERY_NOT_RECORDED = "delivery_not_recorded"
    MESSAGE_UNKNOWN = "message_unknown"
    PROVIDER_SILENT = "provider_silent"
    STREAM_SILENT = "stream_silent"
    STREAM_AHEAD = "stream_ahead"
    STREAM_BEHIND = "stream_behind"
    VIEW_BEHIND = "view_behind"


class Meaning(NamedTuple):
    """What a code stands for: how bad, what mends it by itself, and what a person does otherwise."""

    severity: Severity
    repair: RepairKind | None
    fix: str


_LOOK = "look at it: `dispatch job why JOB`, then `dispatch ledger verify`; docs/runbook.md says what follows"
_SUPPORT = "a rule was broken, which is a bug: stop the workers, keep the ledger, and read docs/how_to/reconcile.md"
_REPAIR = "`dispatch reconcile --repair`"
_RECEIPT = "ask the provider by the message id; the ledger stays as it is"

MEANINGS: dict[Code, Meaning] = {
    Code.ROWS_DO_NOT_ADD_UP: Meaning(Severity.ERROR, None, _SUPPORT),
    Code.JOBS_MISSING: Meaning(Severity.ERROR, None, "was the database restored? `dispatch ledger verify` says so"),
    Code.JOBS_EXTRA: Meaning(Severity.ERROR, None, _SUPPORT),
    Code.BATCH_VIEW_DIFFERS: Meaning(Severity.ERROR, RepairKind.REBUILD_VIEW, f"{_REPAIR} rebuilds the view"),
    Code.BATCH_NOT_CLOSED: Meaning(Severity.WARNING, RepairKind.CLOSE_BATCH, f"{_REPAIR} closes it; do timers run?"),
    Code.BATCH_CLOSED_EARLY: Meaning(Severity.ERROR, None, _SUPPORT),
    Code.BATCH_STALE: Meaning(Severity.WARNING, RepairKind.TAKE_OVER, f"{_REPAIR} lets another worker take it over"),
    Code.EVENTS_MISSING: Meaning(Severity.ERROR, None, "`dispatch ledger verify` says whether the ledger was changed"),
    Code.JOB_VIEW_DIFFERS: Meaning(Severity.ERROR, RepairKind.REBUILD_VIEW, f"{_REPAIR} rebuilds the view"),
    Code.JOB_FORGOTTEN: Meaning(Severity.ERROR, RepairKind.OFFER_AGAIN, f"{_REPAIR} has it published again"),
    Code.ATTEMPT_IN_DOUBT: Meaning(
        Severity.WARNING, None, "nothing at once: a worker asks again under the same key, which the provider honours"
    ),
    Code.DELIVERED_WITHOUT_SEND: Meaning(Severity.ERROR, None, _SUPPORT),
    Code.SENT_WITHOUT_START: Meaning(Severity.ERROR, None, _SUPPORT),
    Code.SENT_WITHOUT_CLEARANCE: Meaning(Severity.ERROR, None, _SUPPORT),
    Code.SENT_TWICE: Meaning(Severity.ERROR, None, _SUPPORT),
    Code.MOVED_AFTER_END: Meaning(Severity.ERROR, None, _LOOK),
    Code.RECEIPT_FAILED: Meaning(Severity.ERROR, None, "tell the customer another way: the provider took it back"),
    Code.RECEIPT_PENDING: Meaning(Severity.WARNING, None, _RECEIPT),
    Code.DELIVERY_NOT_RECORDED: Meaning(Severity.WARNING, None, "nothing at once: `confirm` asks for the receipt"),
    Code.MESSAGE_UNKNOWN: Meaning(Severity.ERROR, None, _RECEIPT),
    Code.PROVIDER_SILENT: Meaning(Severity.WARNING, None, "ask later, with the same command"),
    Code.STREAM_SILENT: Meaning(Severity.WARNING, None, "start NATS or correct DISPATCH_NATS_URL: `dispatch doctor`"),
    Code.STREAM_AHEAD: Meaning(
        Severity.ERROR, None, "the stream is of another ledger: stop, remove NATS' data, start; it is filled again"
    ),
    Code.STREAM_BEHIND: Meaning(Severity.ERROR, None, "see that the relay runs: `dispatch run relay`"),
    Code.VIEW_BEHIND: Meaning(Severity.WARNING, None, "see that the projector runs: `dispatch run projector`"),
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: where, what in words, what was found and what was expected. No personal data."""

    code: Code
    what: str
    found: str
    expected: str
    batch_id: str = ""
    job_id: str = ""
    row: int = 0  # Data row of the file, from 1; 0 where it is not about one.
    stage: str = ""
    since: datetime | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return MEANINGS[self.code].severity

    @property
    def repair(self) -> RepairKind | None:
        """What `--repair` does about it."""
        return MEANINGS[self.code].repair

    @property
    def fix(self) -> str:
        """What to do about it."""
        return MEANINGS[self.code].fix

    @property
    def order(self) -> tuple[str, str, str, str]:
        """Errors first, then by code and place: two runs over the same state say the same in the same order."""
        return self.severity.value, self.code.value, self.batch_id, self.job_id


class ShownFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with everything that is said about it, for those who do not know the codes."""

    code: Code
    severity: Severity
    what: str
    found: str
    expected: str
    batch_id: str
    job_id: str
    row: int
    since: datetime | None
    repair: RepairKind | None
    fix: str


def shown(finding: Finding) -> ShownFinding:
    """The finding as doors show it."""
    return ShownFinding(
        code=finding.code,
        severity=finding.severity,
        what=finding.what,
        found=finding.found,
        expected=finding.expected,
        batch_id=finding.batch_id,
        job_id=finding.job_id,
        row=finding.row,
        since=finding.since,
        repair=finding.repair,
        fix=finding.fix,
    )


class Place(NamedTuple):
    """Where findings are: a batch, or a job of it."""

    batch_id: str = ""
    job_id: str = ""
    row: int = 0

    def finding(
        self, code: Code, what: str, found: object, expected: object, *, stage: str = "", since: datetime | None = None
    ) -> Finding:
        """A finding at this place."""
        return Finding(
            code=code,
            what=what,
            found=str(found),
            expected=str(expected),
            batch_id=self.batch_id,
            job_id=self.job_id,
            row=self.row,
            stage=stage,
            since=since,
        )
