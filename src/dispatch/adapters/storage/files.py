"""Files in a folder, by the hash of their content: written, synced, then moved into place."""

import os
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from dispatch.application.ports.files import FileStore

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
PRIVATE = 0o700  # Uploads hold personal data.


class FolderFileStore(FileStore):
    """Keeps a file as `ab/cd/abcd...` (SHA-256, hex); uploads stand beside them, on the same file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._uploads = folder / "uploads"
        for path in (folder, self._uploads):
            path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)

    def new_upload(self) -> Path:
        """A path for a file that is being received; it belongs to nobody until it is kept."""
        return self._uploads / f"{uuid.uuid4().hex}.part"

    def keep(self, upload: Path, file_hash: str) -> Path:
        """Make a finished upload the file of this hash, durably; keeping the same content twice is harmless.

        Raises:
            ValueError: this is not a SHA-256.
            OSError: the disk is full or broken; the upload is still there.
        """
        kept = self._place(file_hash)
        _sync(upload)
        outer, inner = kept.parent.parent, kept.parent
        for folder in (outer, inner):
            folder.mkdir(mode=PRIVATE, exist_ok=True)
        upload.replace(kept)
        for folder in (inner, outer, self._folder):
            _sync(folder)  # A new name is durable only when its folder is.
        return kept

    def path(self, file_hash: str) -> Path:
        """The kept file. Raises FileNotFoundError; ValueError for what is not a SHA-256."""
        kept = self._place(file_hash)
        if not kept.is_file():
            raise FileNotFoundError(f"no file {file_hash} in {self._folder}")
        return kept

    def has(self, file_hash: str) -> bool:
        """Is the file of this hash kept? Raises ValueError for what is not a SHA-256."""
        return self._place(file_hash).is_file()

    def remove(self, file_hash: str) -> None:
        """Remove the kept file, if it is there. Raises ValueError for what is not a SHA-256."""
        self._place(file_hash).unlink(missing_ok=True)

    def kept_before(self, moment: datetime) -> Iterator[str]:
        """The hashes of the files that were kept before this moment."""
        for path in self._folder.glob("??/??/*"):
            if _SHA256.fullmatch(path.name) and path.stat().st_mtime < moment.timestamp():
                yield path.name

    def scratch(self) -> BinaryIO:
        """A private file without a name, on the disk of the uploads. Raises OSError."""
        return cast("BinaryIO", TemporaryFile(dir=self._uploads))

    def discard(self, upload: Path) -> None:
        """Remove an upload that was refused or broke off. Raises ValueError for a path that is no upload."""
        if upload.parent != self._uploads:
            raise ValueError(f"{upload} is not an upload of this store")
        upload.unlink(missing_ok=True)

    def _place(self, file_hash: str) -> Path:
        if not _SHA256.fullmatch(file_hash):
            raise ValueError(f"not a SHA-256 in hex: {file_hash!r}")
        return self._folder / file_hash[:2] / file_hash[2:4] / file_hash


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
