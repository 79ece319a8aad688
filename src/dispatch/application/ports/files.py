"""Where received files are kept, by their content."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol


class FileStore(Protocol):
    """Keeps files under the SHA-256 of their content. A file is there whole or not at all."""

    def new_upload(self) -> Path:
        """A path for a file that is being received; it belongs to nobody until it is kept."""
        ...

    def keep(self, upload: Path, file_hash: str) -> Path:
        """Make a finished upload the file of this hash, durably; keeping the same content twice is harmless."""
        ...

    def path(self, file_hash: str) -> Path:
        """The kept file. Raises FileNotFoundError."""
        ...

    def has(self, file_hash: str) -> bool:
        """Is the file of this hash kept?"""
        ...

    def remove(self, file_hash: str) -> None:
        """Remove the kept file, if it is there. Whoever removes it has seen that nobody reads it any more."""
        ...

    def kept_before(self, moment: datetime) -> Iterator[str]:
        """The hashes of the files that were kept before this moment."""
        ...

    def scratch(self) -> BinaryIO:
        """A private file without a name, to write and then read; it is gone when it is closed."""
        ...

    def discard(self, upload: Path) -> None:
        """Remove an upload that was refused or broke off."""
        ...
