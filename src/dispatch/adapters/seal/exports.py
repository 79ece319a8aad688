"""Checkpoints outside the database: a file that is only ever added to, and the newest one as it is."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

LOG = "checkpoints.ndjson"
LATEST = "latest.txt"
PUBLIC_KEY = "key.txt"
ROTATIONS = "rotations.txt"
TAIL_BYTES = 1 << 16
"""The last line is in here, whole."""


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file. Only the note is signed; the rest helps to find what it covers."""

    size: int
    position: int
    sealed_at: datetime
    note: str


class CheckpointFolder:
    """Copies of checkpoints where the owner of the database does not reach them. Copy the folder further away, too."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, exported: Exported, public_key: str) -> None:
        """Add a checkpoint durably, and make it the latest. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOG).open("ab") as log:
            torn = log.tell() > 0 and not _ends_with_newline(self.path / LOG)
            log.write((b"\n" if torn else b"") + msgspec.json.encode(exported) + b"\n")
            log.flush()
            os.fsync(log.fileno())
        self._replace(LATEST, exported.note)
        self._replace(PUBLIC_KEY, f"{public_key}\n")

    def all(self) -> Iterator[Exported]:
        """Every exported checkpoint, in the order of the file. A line that was cut off by a crash is left out."""
        try:
            with (self.path / LOG).open("rb") as log:
                for line in log:
                    try:
                        yield msgspec.json.decode(line, type=Exported)
                    except msgspec.MsgspecError:
                        continue
        except FileNotFoundError:
            return

    def latest(self) -> Exported | None:
        """The last one."""
        try:
            with (self.path / LOG).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
                lines = log.read().split(b"\n")
        except FileNotFoundError:
            return None
        for line in reversed(lines):
            try:
                return msgspec.json.decode(line, type=Exported)
            except msgspec.MsgspecError:
                continue
        return None

    def _replace(self, name: str, text: str) -> None:
        fresh = self.path / f".{name}"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path / name)


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
