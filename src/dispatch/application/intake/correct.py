"""Receive corrected rows of a batch: inspected as they come, like every file, and kept by their content."""

from dataclasses import dataclass

import msgspec

from dispatch.application.batches import batch_events
from dispatch.application.handle import handle
from dispatch.application.intake.correction_file import must_be_readable
from dispatch.application.intake.corrections import read_correction
from dispatch.application.intake.formats import layout_of
from dispatch.application.intake.inspect import FILE_BYTES_MAX
from dispatch.application.intake.kept import must_be_kept
from dispatch.application.intake.profiles import profile_named
from dispatch.application.intake.receive import Upload
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.files import FileStore
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.domain import identity
from dispatch.domain.batch.commands import ReceiveCorrection
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.state import ADMITTED


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of corrected rows is; `duplicate` when the batch had received the same content before."""

    batch_id: str
    correction: int
    file_hash: str
    rows: int
    rejudges: bool  # Nothing of the batch is admitted: all of it is judged again.
    duplicate: bool


@dataclass(frozen=True)
class CorrectBatch:
    """The use case behind every door that takes corrected rows."""

    ledger: EventLedger
    files: FileStore
    clock: Clock
    file_bytes_max: int = FILE_BYTES_MAX

    def begin(self, batch_id: str) -> Upload:
        """Start to receive the file; hand it to `complete`, and `discard` it in any case.

        Raises BatchUnknown, BatchUnreadable, LedgerUnavailable.
        """
        events = batch_events(self.ledger, batch_id)
        must_be_readable(batch_id, events)
        return Upload(self.files, profile_named(decider.fold(events).profile), self.file_bytes_max)

    def complete(self, upload: Upload, batch_id: str, file_name: str, *, by: str = "") -> Corrected:
        """Keep the file and record that it was received. Nothing is kept or recorded when it is refused.

        Raises:
            FileRefused: `file_gone`, or the file cannot be taken: see `FileInspector` and `read_correction`.
            BatchBusy, BatchWhole, BatchTakenBack: the batch does not take corrections now.
            LedgerUnavailable: send the file again.
        """
        path, facts = upload.finish()
        batch = decider.fold(batch_events(self.ledger, batch_id))
        command = ReceiveCorrection(
            batch_id=batch_id,
            at=self.clock(),
            file_name=file_name,
            file_hash=facts.sha256,
            file_bytes=facts.bytes,
            by=by,
        )
        rows, events = 0, decider.decide(command, batch)
        if events:
            profile = profile_named(batch.profile)
            original = layout_of(must_be_kept(self.files, batch_id, batch), profile)
            rows = len(read_correction(path, profile, original))
            self.files.keep(path, facts.sha256)
            asked = identity.command_id(batch_id, "correct", facts.sha256, command.at)
            cause = Cause(command_id=asked, correlation_id=batch_id, actor=by)
            events = handle(self.ledger, decider, batch_id, command, cause)
            batch = decider.fold(batch_events(self.ledger, batch_id))
        return Corrected(
            batch_id=batch_id,
            correction=batch.corrections.index(facts.sha256) + 1,
            file_hash=facts.sha256,
            rows=rows,
            rejudges=batch.status not in ADMITTED,
            duplicate=not events,
        )
