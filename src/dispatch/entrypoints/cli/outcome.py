"""What a batch came to, in one line."""

from rich.console import Console

from dispatch.application.intake.messages import Message, UiState, approval_message, batch_message, undo_message
from dispatch.application.ports.queries import BatchRow
from dispatch.domain.batch.state import BatchStatus

EXIT_CODES = {BatchStatus.REJECTED: 1, BatchStatus.AWAITING_APPROVAL: 3}
"""Of a command that waited for a batch; 0 for every other end."""


def outcome_of(row: BatchRow) -> Message:
    """The line of acceptance 1.26-1.28; of a file that could not be read to its end, why; before that, what is done."""
    if row.status is BatchStatus.REJECTED and row.rejection_code != "error_budget_exceeded":
        return Message(UiState.ERROR, f"Batch Rejected. {row.rejection_reason}", "red")
    if row.status is BatchStatus.UPLOADED:
        return Message(UiState.PROCESSING, "Batch Received. Its rows are judged next.", "cyan")
    if row.status is BatchStatus.AWAITING_APPROVAL:
        return approval_message(row.approval_reason)
    if row.status is BatchStatus.ADMITTING:
        return Message(UiState.PROCESSING, f"Batch Judged. {row.jobs:,} of {row.accepted:,} Rows Ingested.", "cyan")
    if row.status in (BatchStatus.UNDOING, BatchStatus.UNDONE):
        return undo_message(jobs=row.jobs, cancelled=row.cancelled, is_done=row.status is BatchStatus.UNDONE)
    return batch_message(
        rows=row.rows, ingested=row.jobs, rejected=row.rejected, threshold_percent=row.error_threshold_percent
    )


def say_approval(console: Console, row: BatchRow) -> None:
    """What a person has to do before a batch goes on."""
    batch = row.batch_id[:8]
    if row.approval_due_at is not None:
        due = f"{row.approval_due_at:%Y-%m-%d %H:%M} UTC"
        console.print(f"Nothing of it is admitted until somebody answers, by {due}.", markup=False)
    console.print(f'Let it in: dispatch batch approve {batch} --reason "..."', markup=False)
    console.print(f'Refuse it: dispatch batch reject {batch} --reason "..."', markup=False)
