"""Receive a file: the same content is the same batch, whoever sends it and however often."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from dispatch.application.handle import handle
from dispatch.application.intake.inspect import FILE_BYTES_MAX, FileFacts, FileInspector
from dispatch.application.intake.profiles import Profile
from dispatch.application.ports.clock import Clock
from dispatch.application.ports.files import FileStore
from dispatch.application.ports.ledger import Cause, EventLedger
from dispatch.domain import identity
from dispatch.domain.batch.commands import ReceiveBatch
from dispatch.domain.batch.decide import decider
from dispatch.domain.batch.desk import Priority
from dispatch.domain.rows import Budget

CHUNK_BYTES = 1 << 20


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """The batch that the file is; `duplicate` when the same content had been received before."""

    batch_id: str
    file_hash: str
    duplicate: bool


class Upload:
    """A file that is arriving: inspected and spooled as it comes, gone again when it is refused or breaks off."""

    def __init__(self, files: FileStore, profile: Profile, file_bytes_max: int) -> None:
        self._files, self._path = files, files.new_upload()
        self._inspector = FileInspector(profile, file_bytes_max=file_bytes_max)
        self._spool = self._path.open("wb")
        self._facts: FileFacts | None = None

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises FileRefused as soon as the file cannot be taken."""
        self._inspector.feed(chunk)
        self._spool.write(chunk)

    def finish(self) -> tuple[Path, FileFacts]:
        """The whole file is here; asked again, the answer is the same. Raises FileRefused."""
        if self._facts is None:
            self._spool.close()
            self._facts = self._inspector.finish(self._path)
        return self._path, self._facts

    def discard(self) -> None:
        """Leave nothing behind; after a finished upload was kept this does nothing."""
        try:
            self._spool.close()  # Writes what is buffered, which a full disk refuses.
        finally:
            self._files.discard(self._path)


@dataclass(frozen=True)
class ReceiveFile:
    """The use case behind every door that takes a file."""

    ledger: EventLedger
    files: FileStore
    clock: Clock
    file_bytes_max: int = FILE_BYTES_MAX

    def begin(self, profile: Profile) -> Upload:
        """Start an upload, for doors that receive in pieces; hand it to `complete`, and `discard` it in any case."""
        return Upload(self.files, profile, self.file_bytes_max)

    def complete(
        self,
        upload: Upload,
        profile: Profile,
        file_name: str,
        *,
        error_threshold_percent: int = 10,
        by: str = "",
        force: bool = False,
        priority: Priority = Priority.NORMAL,
    ) -> Received:
        """Keep the file and record that it was received; a `force`d run is a new batch that keeps the hash.

        Raises:
            FileRefused: the file cannot be taken; nothing is recorded.
            ThresholdOutOfRange: not a whole per cent from 0 to 100.
            LedgerUnavailable: send the file again.
        """
        Budget(error_threshold_percent)
        path, facts = upload.finish()
        self.files.keep(path, facts.sha256)
        run = self._next_run(facts.sha256) if force else 1
        batch_id = identity.batch_id(facts.sha256, run)
        command = ReceiveBatch(
            batch_id=batch_id,
            at=self.clock(),
            file_name=file_name,
            file_hash=facts.sha256,
            file_bytes=facts.bytes,
            profile=profile.name,
            profile_version=profile.version,
            error_threshold_percent=error_threshold_percent,
            run=run,
            by=by,
            priority=priority,
        )
        asked = identity.command_id(batch_id, "receive", command.at)
        cause = Cause(command_id=asked, correlation_id=batch_id, actor=by)
        events = handle(self.ledger, decider, batch_id, command, cause)
        return Received(batch_id=batch_id, file_hash=facts.sha256, duplicate=not events)

    def __call__(
        self,
        source: BinaryIO | Iterable[bytes],
        profile: Profile,
        file_name: str,
        *,
        error_threshold_percent: int = 10,
        by: str = "",
        force: bool = False,
        priority: Priority = Priority.NORMAL,
    ) -> Received:
        """Receive a whole file from a stream or from chunks. Raises as `complete`."""
        upload = self.begin(profile)
        try:
            for chunk in _chunks(source):
                upload.write(chunk)
            return self.complete(
                upload,
                profile,
                file_name,
                error_threshold_percent=error_threshold_percent,
                by=by,
                force=force,
                priority=priority,
            )
        finally:
            upload.discard()

    def _next_run(self, file_hash: str) -> int:
        run = 1
        while self.ledger.load(identity.batch_id(file_hash, run)).version:
            run += 1
        return run


def _chunks(source: BinaryIO | Iterable[bytes]) -> Iterable[bytes]:
    if isinstance(source, Iterable) and not hasattr(source, "read"):
        return source
    return iter(lambda: source.read(CHUNK_BYTES), b"")
