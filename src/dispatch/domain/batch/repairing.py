"""The rules of the repair loop: refused rows come back corrected, until the batch is whole."""

from itertools import groupby

from dispatch.domain.batch.commands import FinishCorrection, ReceiveCorrection, RepairRows
from dispatch.domain.batch.events import CorrectionJudged, CorrectionReceived, Event, RowsRefused, RowsRepaired
from dispatch.domain.batch.refusals import BatchBusy, BatchTakenBack, BatchWhole, must_be_judged, must_be_known
from dispatch.domain.batch.state import ADMITTED, Batch, BatchStatus
from dispatch.domain.rows import RowError

ERRORS_PER_EVENT = 500
"""Refused values travel in events of bounded size."""

_BUSY = frozenset({BatchStatus.UPLOADED, BatchStatus.ADMITTING, BatchStatus.UNDOING})


def receive_correction(command: ReceiveCorrection, batch: Batch) -> list[Event]:
    must_be_known(command, batch)
    if command.file_hash in batch.corrections:
        return []  # The same corrections again change nothing.
    if batch.status in _BUSY:
        raise BatchBusy(command.batch_id, batch.status)
    if batch.status is BatchStatus.UNDONE:
        raise BatchTakenBack(command.batch_id)
    if batch.status in ADMITTED and not batch.rejected:
        raise BatchWhole(command.batch_id)
    return [
        CorrectionReceived(
            batch_id=command.batch_id,
            at=command.at,
            correction=len(batch.corrections) + 1,
            file_name=command.file_name,
            file_hash=command.file_hash,
            file_bytes=command.file_bytes,
            rejudges=batch.status not in ADMITTED,
            by=command.by,
        )
    ]


def repair_rows(command: RepairRows, batch: Batch) -> list[Event]:
    must_be_judged(command, batch)
    if not _is_next(command.correction, batch):
        return []
    rows = tuple(row for row in command.rows if row not in batch.repaired)
    duplicates = tuple(row for row in command.duplicates if row not in batch.repaired)
    if not rows and not duplicates:
        return []
    return [
        RowsRepaired(
            batch_id=command.batch_id,
            at=command.at,
            correction=command.correction,
            rows=rows,
            duplicates=duplicates,
        )
    ]


def finish_correction(command: FinishCorrection, batch: Batch) -> list[Event]:
    must_be_judged(command, batch)
    if not _is_next(command.correction, batch):
        return []
    events: list[Event] = [
        RowsRefused(batch_id=command.batch_id, at=command.at, errors=errors, correction=command.correction)
        for errors in in_events(command.errors)
    ]
    events.append(
        CorrectionJudged(
            batch_id=command.batch_id,
            at=command.at,
            correction=command.correction,
            rows=command.rows,
            accepted=command.accepted,
            rejected=command.rejected,
            duplicates=command.duplicates,
            ignored=command.ignored,
            errors_by_code=command.errors_by_code,
        )
    )
    return events


def in_events(errors: tuple[RowError, ...]) -> list[tuple[RowError, ...]]:
    """The errors in the portions in which events carry them; those of one row stay together."""
    portions: list[list[RowError]] = []
    for _, of_row in groupby(errors, key=lambda error: error.row):
        group = list(of_row)
        if not portions or len(portions[-1]) + len(group) > ERRORS_PER_EVENT:
            portions.append([])
        portions[-1] += group
    return [tuple(portion) for portion in portions]


def _is_next(correction: int, batch: Batch) -> bool:
    return batch.status in ADMITTED and correction == batch.corrections_judged + 1 <= len(batch.corrections)
