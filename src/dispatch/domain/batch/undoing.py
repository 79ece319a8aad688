"""The rules of taking back: an import is undone by compensating events, a batch without jobs is judged anew."""

from dispatch.domain.batch.commands import FinishUndo, ResetBatch, UndoBatch
from dispatch.domain.batch.events import BatchReset, BatchUndone, Event, UndoRequested
from dispatch.domain.batch.refusals import BatchHasJobs, NothingToUndo, must_be_known
from dispatch.domain.batch.state import ADMITTED, Batch, BatchStatus
from dispatch.domain.rows import Budget

_TAKEN_BACK = frozenset({BatchStatus.UNDOING, BatchStatus.UNDONE})


def undo(command: UndoBatch, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    if batch.status in _TAKEN_BACK:
        return []
    if batch.status is not BatchStatus.ADMITTING and batch.status not in ADMITTED:
        raise NothingToUndo(command.batch_id, batch.status)
    return [UndoRequested(batch_id=command.batch_id, at=command.at, by=command.by, reason=command.reason)]


def finish_undo(command: FinishUndo, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    if batch.status is not BatchStatus.UNDOING:
        return []
    return [BatchUndone(batch_id=command.batch_id, at=command.at, cancelled=command.cancelled, kept=command.kept)]


def reset(command: ResetBatch, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    percent = (
        batch.error_threshold_percent
        if command.error_threshold_percent is None
        else (Budget(command.error_threshold_percent).threshold_percent)
    )
    if batch.status is BatchStatus.UPLOADED and percent == batch.error_threshold_percent:
        return []  # It is to be judged already.
    if batch.status in ADMITTED or batch.status in {BatchStatus.ADMITTING, BatchStatus.UNDOING}:
        raise BatchHasJobs(command.batch_id, batch.status)
    return [
        BatchReset(
            batch_id=command.batch_id,
            at=command.at,
            error_threshold_percent=percent,
            by=command.by,
            reason=command.reason,
        )
    ]
