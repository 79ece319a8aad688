"""Where received files are kept, by their content."""

from pathlib import Path
from typing import Protocol


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

    def discard(self, upload: Path) -> None:
        """Remove an upload that was refused or broke off."""
        ...
