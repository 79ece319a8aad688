"""The key that signs checkpoints: created on the first start, readable by its owner only, and replaced by rotation."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from dispatch.adapters.seal.notes import (
    KeyInvalid,
    NoteInvalid,
    PrivateKey,
    PublicKey,
    open_note,
    parse_private_key,
    parse_public_key,
    sign_note,
)

OWNER_ONLY = 0o600
ROTATION = "seal-key-rotation-v1"


class SealKey:
    """The key file and the notes of its rotations."""

    def __init__(self, path: Path, rotations: Path, origin: str = "") -> None:
        """`origin` names the log; empty: the name in the key file, and a new name for a new key."""
        self.path, self._rotations, self._origin = path, rotations, origin

    def signer(self) -> PrivateKey:
        """The key in use; a new one is created where there is none.

        Raises:
            KeyInvalid: the file is not a key, is open to others, or signs for another origin.
            OSError: the file cannot be read or created.
        """
        if not self.path.exists():
            fresh = _write(self.path, PrivateKey.generate(self._origin or f"dispatch/{token_hex(8)}"))
            with suppress(FileExistsError):  # Another process was faster: its key it is.
                self.path.hardlink_to(fresh)
            fresh.unlink()
        return self._load()

    def trusted(self) -> list[PublicKey]:
        """The key in use, and the earlier ones that it vouches for; none where there is no key file.

        Raises:
            KeyInvalid: as `signer` does.
        """
        if not self.path.exists():
            return []
        return trusted_keys(self._load().public, self.rotations())

    def rotations(self) -> list[str]:
        """The notes of the rotations, the oldest first."""
        if not self._rotations.exists():
            return []
        texts = self._rotations.read_text(encoding="utf-8").split("\f\n")
        return [text for text in texts if text]

    def rotate(self) -> PublicKey:
        """Put a new key in the place of the one in use, which signs the new one and is then gone.

        Raises:
            KeyInvalid, OSError: as `signer` does.
        """
        old = self._load()
        new = PrivateKey.generate(old.public.name)
        note = sign_note(rotation_text(old.public, new.public), [old, new])
        self._rotations.parent.mkdir(parents=True, exist_ok=True)
        with self._rotations.open("a", encoding="utf-8") as notes:
            notes.write(f"{note}\f\n")
            notes.flush()
            os.fsync(notes.fileno())
        _write(self.path, new).replace(self.path)
        return new.public

    def _load(self) -> PrivateKey:
        if self.path.stat().st_mode & 0o077:
            raise KeyInvalid(f"others can read the key file {self.path}: chmod 600 it, and rotate the key")
        try:
            key = parse_private_key(self.path.read_text(encoding="utf-8"))
        except (KeyInvalid, UnicodeDecodeError) as error:
            raise KeyInvalid(f"the key file {self.path} is not usable: {error}") from error
        if self._origin and key.public.name != self._origin:
            raise KeyInvalid(
                f"the key file {self.path} signs for {key.public.name}, but DISPATCH_SEAL_ORIGIN is {self._origin}"
            )
        return key


def rotation_text(old: PublicKey, new: PublicKey) -> str:
    """What both keys sign. It cannot be mistaken for a checkpoint: its second line is no number."""
    return f"{old.name}\n{ROTATION}\nfrom {old.text()}\nto {new.text()}\n"


def trusted_keys(current: PublicKey, rotations: Iterable[str]) -> list[PublicKey]:
    """The keys that rotations tie to this one, forwards and backwards; a rotation counts when both keys signed it."""
    trusted, links = [current], [_link(note) for note in rotations]
    grown = True
    while grown:
        grown = False
        for old, new in filter(None, links):
            if (old in trusted) != (new in trusted):
                trusted.append(new if old in trusted else old)
                grown = True
    return trusted


def _link(note: str) -> tuple[PublicKey, PublicKey] | None:
    lines = note.split("\n")
    try:
        old, new = parse_public_key(lines[2].removeprefix("from ")), parse_public_key(lines[3].removeprefix("to "))
        if open_note(note, [old]) != rotation_text(old, new) or open_note(note, [new]) != rotation_text(old, new):
            return None
    except (IndexError, KeyInvalid, NoteInvalid):
        return None
    return old, new


def _write(beside: Path, key: PrivateKey) -> Path:
    """A file of this key, whole before it gets its name."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    path = beside.with_name(f".{beside.name}.{token_hex(8)}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{key.text()}\n")
        file.flush()
        os.fsync(file.fileno())
    return path
