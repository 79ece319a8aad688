"""Intake on a ledger in memory and files in a folder: what its use case tests share."""

import csv
import io
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from dispatch.adapters.ledger.memory import MemoryLedger
from dispatch.adapters.natural_keys_memory import MemoryNaturalKeys
from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.intake.admit import AdmitBatch
from dispatch.application.intake.correct import CorrectBatch, Corrected
from dispatch.application.intake.correction_file import WriteCorrectionFile
from dispatch.application.intake.profiles import SERVICE_JOB
from dispatch.application.intake.receive import Received, ReceiveFile
from dispatch.application.intake.repair import RepairBatch
from dispatch.application.intake.take_in import TakeIn
from dispatch.application.intake.undo import UndoImport
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import EventLedger, LedgerUnavailable, Recorded
from dispatch.application.take_back import TakeBack
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.state import Batch
from dispatch.domain.job.events import JobOpened


class Desk:
    """Where files come in and batches are admitted, three rows at a time."""

    def __init__(self, folder: Path, ledger: EventLedger, natural_keys: object = None, rows_per_chunk: int = 3) -> None:
        self.folder, self.ledger, self.pauses = folder, ledger, list[float]()
        self.files = FolderFileStore(folder)
        keys = natural_keys or MemoryNaturalKeys()
        self.receive = ReceiveFile(ledger, self.files, utc_now)
        self.admit = AdmitBatch(ledger, self.files, keys, utc_now, rows_per_chunk)
        repair = RepairBatch(ledger, self.files, keys, utc_now, rows_per_chunk)
        self.undo = UndoImport(ledger, keys, utc_now, self.pauses.append, jobs_per_chunk=rows_per_chunk)
        self.take_in = TakeIn(ledger, self.admit, repair, self.undo)
        self.correct_batch = CorrectBatch(ledger, self.files, utc_now)
        self.write_correction_file = WriteCorrectionFile(ledger, self.files)
        self.take_back = TakeBack(ledger, self.files, utc_now)

    def bring(self, content: str | bytes, **options: object) -> Received:
        """Send a file whole."""
        data = content.encode() if isinstance(content, str) else content
        return self.receive(BytesIO(data), SERVICE_JOB, "jobs.csv", by="ann", **options)

    def correct(self, batch_id: str, content: str | bytes) -> Corrected:
        """Send a file of corrected rows."""
        upload = self.correct_batch.begin(batch_id)
        try:
            upload.write(content.encode() if isinstance(content, str) else content)
            return self.correct_batch.complete(upload, batch_id, "corrected.csv", by="ann")
        finally:
            upload.discard()

    def correction_file(self, batch_id: str) -> bytes:
        """The file for correction."""
        return b"".join(piece.content for piece in self.write_correction_file(batch_id))

    def to_correct(self, batch_id: str) -> list[dict[str, str]]:
        """The rows of the file for correction, as a spreadsheet reads it."""
        text = self.correction_file(batch_id).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def batch(self, batch_id: str) -> Batch:
        return decider.fold(self.ledger.load(batch_id).events)

    def records(self) -> list[Recorded]:
        return self.ledger.read(0, 100_000)

    def names(self) -> list[str]:
        """What was recorded, in order."""
        return [type(record.event).__name__ for record in self.records()]

    def jobs(self, batch_id: str = "") -> list[JobOpened]:
        """The jobs that were opened, of one batch or of all."""
        opened = [record.event for record in self.records() if isinstance(record.event, JobOpened)]
        return [job for job in opened if batch_id in ("", job.batch_id)]

    def stored(self) -> Iterator[Path]:
        """Every file in the folder."""
        return (path for path in self.folder.rglob("*") if path.is_file())


class BreaksOff(MemoryLedger):
    """Postgres goes away once: at the n-th bulk append, before or (`lost_reply`) after it was recorded."""

    def __init__(self, at_chunk: int, *, lost_reply: bool) -> None:
        super().__init__()
        self.left, self.lost_reply = at_chunk, lost_reply

    def append_bulk(self, marker, new):
        self.left -= 1
        if self.left == 0 and not self.lost_reply:
            raise LedgerUnavailable("gone")
        positions = super().append_bulk(marker, new)
        if self.left == 0:
            raise LedgerUnavailable("gone, and the answer with it")
        return positions


def as_csv(rows: list[dict[str, str]]) -> str:
    """Rows as a spreadsheet saves them."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
