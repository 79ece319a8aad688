"""What a person has to look at now: what does not move, what nobody answers, differences, dead letters, a backlog."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from dispatch.application.intake.turns import FILE_MISSING
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.failures import Failures
from dispatch.application.ports.intake_sheet import FAILURES_MAX, IntakeSheet, StuckBatch
from dispatch.application.ports.queries import Queries
from dispatch.application.ports.reconciling import Runs, StandingError
from dispatch.application.ports.webhooks import EndpointRow
from dispatch.application.watchdog import ZoneChange
from dispatch.application.webhooks.deliver import GONE, SPENT
from dispatch.domain.batch.desk import LEVELS
from dispatch.domain.zone.events import Zone
from dispatch.domain.zone.judging import deciding

BATCH_STUCK, APPROVAL_OVERDUE, DIFFERENCE = "batch_stuck", "approval_overdue", "reconciliation_difference"
DEAD_LETTERS, BACKLOG, ENDPOINT_DISABLED = "dead_letters", "backlog", "endpoint_disabled"
ZONE_RED = "zone_red"
CODES = (BATCH_STUCK, APPROVAL_OVERDUE, DIFFERENCE, DEAD_LETTERS, BACKLOG, ENDPOINT_DISABLED, ZONE_RED)


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
    runs: Runs
    failures: Failures
    endpoints: Callable[[], Sequence[EndpointRow]] = list
    dead_letters_max: int = 5
    backlog_max: int = 100
    last_zone: Callable[[], ZoneChange | None] = lambda: None

    def __call__(self) -> list[Alarm]:
        """The oldest first, stuck batches before approvals before differences, then what is about all batches."""
        differences = (_difference(error) for error in self.runs.standing())
        batches = [*(_stuck(batch) for batch in self.sheet.stuck()), *self._overdue(), *differences]
        return [*batches, *self._dead_letters(), *self._backlog(), *self._given_up(), *self._red()]

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

    def _dead_letters(self) -> Iterator[Alarm]:
        depth = self.failures.depth()
        if depth.open > self.dead_letters_max and depth.oldest_at is not None:
            yield Alarm(
                code=DEAD_LETTERS,
                batch_id="",
                what=f"{depth.open:,} dead letters are open, more than {self.dead_letters_max:,};"
                f" the oldest since {depth.oldest_at:%Y-%m-%d %H:%M} UTC",
                since=depth.oldest_at,
                fix="see what they have in common with `dispatch failures list`, and work a group off:"
                " `dispatch failures retry FINGERPRINT --dry-run`",
            )

    def _backlog(self) -> Iterator[Alarm]:
        overdue = self.failures.overdue()
        if overdue.open > self.backlog_max and overdue.oldest_at is not None:
            yield Alarm(
                code=BACKLOG,
                batch_id="",
                what=f"{overdue.open:,} jobs should have moved on by now, more than {self.backlog_max:,}",
                since=overdue.oldest_at,
                fix="see which stage they are at with `dispatch pipeline`, and that relay and workers run",
            )

    def _red(self) -> Iterator[Alarm]:
        change = self.last_zone()
        if change is not None and change.zone is Zone.RED:
            red = ", ".join(f"{one.measure.value} {one.value:g}" for one in deciding(change.readings, Zone.RED))
            yield Alarm(
                code=ZONE_RED,
                batch_id="",
                what=f"the system is in zone RED: {red}",
                since=change.at,
                fix="see the measures with `dispatch zone`, and docs/how_to/scale_and_watch.md for each of them",
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


def _difference(error: StandingError) -> Alarm:
    return Alarm(
        code=DIFFERENCE,
        batch_id=error.batch_id,
        what=f"{error.code}: {error.what} ({error.found} instead of {error.expected})",
        since=error.since,
        fix=f"{error.fix}; see all with `dispatch reconcile`",
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
