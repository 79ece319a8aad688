"""The files of a batch: its own and those of its corrections, kept for a time only."""

from pathlib import Path

from dispatch.application.intake.refused import FileRefused
from dispatch.application.ports.files import FileStore
from dispatch.domain.batch.state import Batch


def files_of(batch: Batch) -> tuple[str, ...]:
    """The SHA-256 of each file of the batch: of all it holds the rows, and persons."""
    return (batch.file_hash, *batch.corrections) if batch.file_hash else ()


def must_be_kept(files: FileStore, batch_id: str, batch: Batch) -> Path:
    """The path of the batch's own file, where all of its files are kept. Raises FileRefused, `file_gone`."""
    if not all(files.has(file_hash) for file_hash in files_of(batch)):
        raise FileRefused(
            "file_gone",
            "a received file of this batch was removed: its time was over, or a person in it was erased",
            f"batch {batch_id}",
            "upload the rows that are missing as a file of their own; rows that are jobs already count as duplicates",
        )
    return files.path(batch.file_hash)
