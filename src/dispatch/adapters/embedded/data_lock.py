"""One server per data folder: a file lock that the server inherits, so that it holds for as long as either lives."""

import fcntl
import os
from pathlib import Path
from time import monotonic, sleep

from dispatch.adapters.embedded.errors import DataInUse

_ORPHAN_PATIENCE_S = 60.0

_held_here: set[tuple[int, int]] = set()
"""Device and inode of every lock file that this process holds."""


class DataLock:
    """Holds `folder` for this process and for the servers that get `fileno` (flock(2) belongs to the open file).

    Raises DataInUse when a living owner holds it. What a killed owner or a killed server left behind is about to end:
    it is waited for, up to 60 s. `note` is one line for the next owner, such as a temporary folder to clean up.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "owner"
        self._file = self._path.open("a+", encoding="utf-8")
        status = os.fstat(self._file.fileno())
        self._key = (status.st_dev, status.st_ino)
        try:
            self._acquire(folder)
        except BaseException:
            self._file.close()
            raise
        _held_here.add(self._key)
        self.fileno = self._file.fileno()
        self.note_before = self._read()[1]
        self.note("")

    def note(self, text: str) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{os.getpid()}\n{text}\n")
        self._file.flush()

    def release(self) -> None:
        _held_here.discard(self._key)
        self._file.close()

    def _acquire(self, folder: Path) -> None:
        deadline = monotonic() + _ORPHAN_PATIENCE_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = self._read()[0]
                if monotonic() > deadline or self._held_by(owner):
                    holder = f"process {owner}" if owner else "a process that is just starting"
                    raise DataInUse(
                        f"The data folder {folder} is in use by {holder} or by a server that it started. "
                        f"Stop that process, or choose another folder."
                    ) from None
                sleep(0.02)
            else:
                return

    def _held_by(self, owner: int | None) -> bool:
        if owner == os.getpid():
            return self._key in _held_here
        return owner is None or is_alive(owner)

    def _read(self) -> tuple[int | None, str]:
        self._file.seek(0)
        owner, _, note = self._file.read().partition("\n")
        return (int(owner) if owner.isdecimal() else None), note.strip()


def is_alive(pid: int) -> bool:
    """Whether the process runs: one that has ended and was not waited for yet (a zombie) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
