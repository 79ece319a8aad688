"""What progress there is to show of a batch: one bar for the intake and one for each stage."""

from collections.abc import Sequence

import msgspec

from dispatch.application.ports.queries import BatchRow, StageProgress
from dispatch.domain.batch.state import BatchStatus


class Bar(msgspec.Struct, frozen=True):
    """One line of progress; `total` is None while nobody can know it."""

    name: str
    done: int
    total: int | None
    note: str = ""


def bars_of(row: BatchRow | None, stages: Sequence[StageProgress]) -> list[Bar]:
    """Intake first, then each stage that a job has come to. What ended at one stage is not expected at the next."""
    if row is None or row.status is BatchStatus.UPLOADED:
        return [Bar("intake", 0, None, "judging the rows")]
    bars = [Bar("intake", row.jobs, _admissible(row), _intake_note(row))]
    expected = row.jobs
    for stage in stages:
        total = max(expected, stage.entered)
        left = min(stage.completed + stage.escalated + stage.blocked, total)
        bars.append(Bar(stage.stage, left, total, _stage_note(stage)))
        expected = max(0, expected - stage.escalated - stage.blocked)
    return bars


def _admissible(row: BatchRow) -> int:
    """The view takes rows that an earlier batch had brought out of `accepted` as it meets them."""
    return 0 if row.status is BatchStatus.REJECTED else row.accepted


def _intake_note(row: BatchRow) -> str:
    if row.status is BatchStatus.REJECTED:
        return row.rejection_code
    return _joined((row.rejected, "refused"), (row.duplicates, "duplicate"))


def _stage_note(stage: StageProgress) -> str:
    return _joined((stage.retries, "retried"), (stage.escalated, "escalated"), (stage.blocked, "blocked"))


def _joined(*counts: tuple[int, str]) -> str:
    return ", ".join(f"{count:,} {word}" for count, word in counts if count)
