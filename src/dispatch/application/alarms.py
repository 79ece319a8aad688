"""What a person has to look at now: batches that do not move, approvals that nobody gives, endpoints given up."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from dispatch.application.intake.turns import FILE_MISSING
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.intake_sheet import FAILURES_MAX, IntakeSheet, StuckBatch
from dispatch.application.ports.queries import Queries
from dispatch.application.ports.webhooks import EndpointRow
from dispatch.application.webhooks.deliver import GONE, SPENT
from dispatch.domain.batch.desk import LEVELS

BATCH_STUCK, APPROVAL_OVERDUE, ENDPOINT_DISABLED = "batch_stuck", "approval_overdue", "endpoint_disabled"
CODES = (BATCH_STUCK, APPROVAL_OVERDUE, ENDPOINT_DISABLED)


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that does not go on by itself, and what to do about it."""

    code: str  # One of CODES.
    batch_id: str  # Empty where it is about no batch.
    what: str
    since: datetime
    fix: str


@dataclass(frozen=True)
class Alarms:
    """Asked by `dispatch doctor`, /readyz and /metrics. Raises LedgerUnavailable, ViewsUnavailable."""

    sheet: IntakeSheet
    queries: Queries
    clock: Clock
    endpoints: Callable[[], Sequence[EndpointRow]] = list

    def __call__(self) -> list[Alarm]:
        """The oldest first, stuck batches before approvals, then endpoints."""
        return [*(_stuck(batch) for batch in self.sheet.stuck()), *self._overdue(), *self._given_up()]

    def _overdue(self) -> Iterator[Alarm]:
        now = self.clock()
        for batch in self.queries.approvals():
            due = batch.approval_due_at
            if batch.approval_level == 1 and due is not None and due > now:
                continue
            short = batch.batch_id[:8]
            yield Alarm(
                code=APPROVAL_OVERDUE,
                batch_id=batch.batch_id,
                what=f"{batch.file_name} ({short}) waits for approval on level {batch.approval_level} of {LEVELS}:"
                f" {batch.approval_reason}",
                since=batch.judged_at or batch.received_at,
                fix=f"`dispatch batch approve {short} --reason TEXT`, or `dispatch batch reject {short} --reason TEXT`",
            )

    def _given_up(self) -> Iterator[Alarm]:
        """Endpoints that were disabled over what they answered, or did not answer."""
        for row in self.endpoints():
            if row.disabled_reason in (GONE, SPENT):
                yield Alarm(
                    code=ENDPOINT_DISABLED,
                    batch_id="",
                    what=f"nothing is sent to endpoint {row.name} any more: {row.disabled_reason}",
                    since=row.changed_at,
                    fix=f"mend the receiver, then `dispatch endpoint enable {row.name}` and"
                    f" `dispatch endpoint replay {row.name} --since TIME`; or `dispatch endpoint remove {row.name}`",
                )


def _stuck(batch: StuckBatch) -> Alarm:
    short = batch.batch_id[:8]
    return Alarm(
        code=BATCH_STUCK,
        batch_id=batch.batch_id,
        what=f"{batch.file_name} ({short}) is {batch.status.value} and {_why(batch)}",
        since=batch.since,
        fix=_fix(batch, short),
    )


def _why(batch: StuckBatch) -> str:
    if batch.failures:
        return f"failed {batch.failures} times in a row: {batch.cause}"
    return "has not moved since then"


def _fix(batch: StuckBatch, short: str) -> str:
    if batch.cause == FILE_MISSING:
        return (
            "send the same file again (`dispatch batch upload FILE`), which puts it back,"
            f" or give the batch up: `dispatch batch reject {short} --reason TEXT`"
        )
    if batch.failures >= FAILURES_MAX:
        return 'read `batch.failing` in the log of intake, and docs/runbook.md, "A batch is stuck"'
    return "see that intake and projector run (`dispatch up`, or `dispatch run intake projector`)"
