"""What the API answers with: the rows of the read models, and what people want worked out from them."""

from datetime import UTC, datetime
from typing import cast

import msgspec

from dispatch.application.company import CompanyShown
from dispatch.application.intake.messages import Message, UiState, approval_message, batch_message, undo_message
from dispatch.application.ports.queries import BatchRow, JobRow, StageProgress
from dispatch.application.timeline import Step
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.events import BatchReceived, Event
from dispatch.domain.batch.state import BatchStatus
from dispatch.domain.rows import error_rate
from dispatch.entrypoints.bootstrap import App


class BatchShown(BatchRow, frozen=True, kw_only=True):
    """A batch with what its intake came to, and how fast it is.

    `state` and `message` tell of the intake (idle, uploading, processing, success, partial, error); `status` tells how
    far the batch's jobs are. Rates are per second: `rows_per_s` over the time of parsing and of the database,
    `jobs_per_s` from receipt to now or to the end; 0 while everything left waits for people, who are not that fast.
    """

    running_jobs: int
    state: UiState
    message: Message | None
    error_rate_percent: float
    rows_per_s: float
    jobs_per_s: float


class BatchDetail(BatchShown, frozen=True, kw_only=True):
    """A batch and how its jobs pass through the stages."""

    stages: list[StageProgress]


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The batch that a file is; `batch` is there when the same content had been received before."""

    batch_id: str
    file_hash: str
    duplicate: bool
    location: str
    batch: BatchShown | None = None


class JobDetail(JobRow, frozen=True, kw_only=True):
    """A job and everything that happened to it; who it is for stays in the ledger.

    `company` is there where it goes the way of company outreach: its number, its slots, and what was found for them.

    `as_of` is the moment at which it was so, where one was asked for.
    """

    timeline: list[Step]
    company: CompanyShown | None = None
    as_of: datetime | None = None


def shown(row: BatchRow, now: datetime | None = None) -> BatchShown:
    """A batch as it is shown. `now` is what the clock says while the batch is open."""
    message = intake_message(row)
    intake_ms = row.parse_duration_ms + row.db_duration_ms
    ended = row.delivered + row.blocked + row.cancelled + row.archived
    seconds = ((row.closed_at or now or datetime.now(UTC)) - row.received_at).total_seconds()
    is_moving = seconds > 0 and row.status is not BatchStatus.WAITING_ON_PEOPLE
    return BatchShown(
        **msgspec.structs.asdict(row),
        running_jobs=row.running,
        state=message.state if message else UiState.PROCESSING,
        message=message,
        error_rate_percent=round(error_rate(row.rejected, row.rows), 2),
        rows_per_s=round(1000 * row.rows / intake_ms, 1) if intake_ms else 0.0,
        jobs_per_s=round(ended / seconds, 2) if is_moving else 0.0,
    )


def detailed(batch: BatchShown, stages: list[StageProgress]) -> BatchDetail:
    """A batch with its stages."""
    fields = {name: getattr(batch, name) for name in batch.__struct_fields__}
    return BatchDetail(**fields, stages=stages)


def intake_message(row: BatchRow) -> Message | None:
    """The line of acceptance 1.26-1.28; None while the file is still being taken in."""
    if row.status in {BatchStatus.UPLOADED, BatchStatus.ADMITTING}:
        return None
    if row.status is BatchStatus.AWAITING_APPROVAL:
        return approval_message(row.approval_reason)
    if row.status is BatchStatus.REJECTED and row.rejection_code != "error_budget_exceeded":
        return Message(UiState.ERROR, f"Batch Rejected. {row.rejection_reason}", "red")
    if row.status in (BatchStatus.UNDOING, BatchStatus.UNDONE):
        return undo_message(jobs=row.jobs, cancelled=row.cancelled, is_done=row.status is BatchStatus.UNDONE)
    return batch_message(
        rows=row.rows,
        ingested=row.jobs,
        rejected=row.rejected,
        threshold_percent=row.error_threshold_percent,
    )


def find_batch(app: App, batch_id: str) -> BatchRow | None:
    """A batch from the views; one that was received a moment ago from the ledger, so that its Location is never 404."""
    row = app.queries.batch(batch_id)
    if row is not None:
        return row
    events = cast("list[Event]", app.ledger.load(batch_id).events)
    if not events or not isinstance(events[0], BatchReceived):
        return None
    received, batch = events[0], decider.fold(events)
    return BatchRow(
        batch_id=received.batch_id,
        run=received.run,
        file_name=received.file_name,
        file_hash=received.file_hash,
        file_bytes=received.file_bytes,
        profile=received.profile,
        received_by=received.by,
        status=BatchStatus.UPLOADED,
        error_threshold_percent=batch.error_threshold_percent,
        rejection_code="",
        rejection_reason="",
        rows=0,
        accepted=0,
        rejected=0,
        duplicates=0,
        jobs=0,
        delivered=0,
        blocked=0,
        cancelled=0,
        escalated=0,
        errors_by_code={},
        parse_duration_ms=0,
        db_duration_ms=0,
        received_at=received.at,
        judged_at=None,
        admitted_at=None,
        closed_at=None,
        ids_from=received.at,
        priority=received.priority,
    )
