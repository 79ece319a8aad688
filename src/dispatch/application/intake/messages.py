"""What a person is told about a batch: one line, and the state of the screen (acceptance 1.25-1.28)."""

from enum import StrEnum

import msgspec

from dispatch.domain.rows import Budget


class UiState(StrEnum):
    """What the screen is doing."""

    IDLE = "idle"
    UPLOADING = "uploading"
    PROCESSING = "processing"
    SUCCESS = "success"
    PARTIAL = "partial"
    ERROR = "error"


class Message(msgspec.Struct, frozen=True):
    """A line, with the state that it ends in and the colour that goes with it (never colour alone)."""

    state: UiState
    text: str
    colour: str


def batch_message(*, rows: int, ingested: int, rejected: int, threshold_percent: int = 10) -> Message:
    """The outcome of an intake in one line. Duplicates are neither ingested nor errors.

    Args:
        rows: data rows of the file.
        ingested: rows that became jobs.
        rejected: refused rows, which the error budget counts.
        threshold_percent: the batch's error budget.
    """
    if Budget(threshold_percent).broken(rejected, rows):
        rate = _percent_above(rejected, rows, threshold_percent)
        text = f"Batch Rejected. Error Rate {rate}% > {threshold_percent}% Budget."
        return Message(UiState.ERROR, text, "red")
    if rejected:
        text = f"Batch Complete with Warnings. {ingested:,} Ingested, {rejected:,} {_plural('Error', rejected)}."
        return Message(UiState.PARTIAL, text, "yellow")
    return Message(UiState.SUCCESS, f"Batch Complete. {ingested:,} {_plural('Row', ingested)} Ingested.", "green")


def undo_message(*, jobs: int, cancelled: int, is_done: bool) -> Message:
    """How far an import is taken back. What is not cancelled was sent or had ended."""
    if is_done:
        kept = jobs - cancelled
        text = f"Import Undone. {cancelled:,} {_plural('Job', cancelled)} Cancelled, {kept:,} Kept."
        return Message(UiState.PARTIAL, text, "yellow")
    return Message(UiState.PROCESSING, f"Import Being Undone. {cancelled:,} of {jobs:,} Jobs Cancelled.", "cyan")


def approval_message(reason: str) -> Message:
    """A batch that waits for a person: nothing of it is admitted until somebody lets it in."""
    return Message(UiState.PROCESSING, f"Batch Waits for Approval. {reason}.", "yellow")


def _percent_above(part: int, whole: int, threshold: int) -> str:
    """A percentage in as few decimals, at least one unless it is zero, as still show it above the threshold."""
    for decimals in range(1, 12):
        text = f"{100 * part / whole:.{decimals}f}".rstrip("0").rstrip(".")
        if float(text) > threshold:
            return text
    raise AssertionError(f"{part} of {whole} is not more than {threshold}%")


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
