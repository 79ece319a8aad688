"""What a batch came to, in one line."""

from dispatch.application.intake.messages import Message, UiState, batch_message, undo_message
from dispatch.application.ports.queries import BatchRow
from dispatch.domain.batch.state import BatchStatus


def outcome_of(row: BatchRow) -> Message:
    """The line of acceptance 1.26-1.28; of a file that could not be read to its end, why; before that, what is done."""
    if row.status is BatchStatus.REJECTED and row.rejection_code != "error_budget_exceeded":
        return Message(UiState.ERROR, f"Batch Rejected. {row.rejection_reason}", "red")
    if row.status is BatchStatus.UPLOADED:
        return Message(UiState.PROCESSING, "Batch Received. Its rows are judged next.", "cyan")
    if row.status is BatchStatus.ADMITTING:
        return Message(UiState.PROCESSING, f"Batch Judged. {row.jobs:,} of {row.accepted:,} Rows Ingested.", "cyan")
    if row.status in (BatchStatus.UNDOING, BatchStatus.UNDONE):
        return undo_message(jobs=row.jobs, cancelled=row.cancelled, is_done=row.status is BatchStatus.UNDONE)
    return batch_message(
        rows=row.rows, ingested=row.jobs, rejected=row.rejected, threshold_percent=row.error_threshold_percent
    )
