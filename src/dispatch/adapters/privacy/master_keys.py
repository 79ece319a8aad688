"""The master keys: they wrap every subject's key, and never enter the database.

A key is written `dispatch-master-key:<64 hexadecimal digits>`, several of them on lines or separated by commas.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from dispatch.adapters.privacy.cipher import new_key
from dispatch.application.ports.privacy import KeyMissing

OWNER_ONLY = 0o600
ID_BYTES = 8
PREFIX = "dispatch-master-key:"
_KEY = re.compile(rf"{PREFIX}([0-9a-f]{{64}})", re.ASCII)


def key_id(key: bytes) -> bytes:
    """A name for a key that says nothing about it."""
    return sha256(b"dispatch master key id\x00" + key).digest()[:ID_BYTES]


def written(key: bytes) -> str:
    """The key in the form in which it is kept."""
    return f"{PREFIX}{key.hex()}"


def parse_keys(text: str, where: str) -> list[bytes]:
    """The keys in this text, in order. Raises KeyMissing: there is none, or a part is not a key."""
    parts = [part for part in re.split(r"[\s,]+", text) if part]
    found = [match[1] for part in parts if (match := _KEY.fullmatch(part))]
    if not parts or len(found) < len(parts):
        raise KeyMissing(f"{where} does not hold a master key: write {PREFIX} and 64 hexadecimal digits")
    return [bytes.fromhex(digits) for digits in found]


class MasterKeys:
    """The keys at hand: those of the setting, or those of the key file, which is made where there is none."""

    def __init__(self, path: Path, setting: str = "") -> None:
        self.path, self._setting = path, setting

    @property
    def from_file(self) -> bool:
        """Is the key file ours to write?"""
        return not self._setting

    def load(self) -> dict[bytes, bytes]:
        """Key id to key, the first one first; makes the key file where there is neither it nor the setting.

        Raises:
            KeyMissing: what is there is no key, or others can read the file.
            OSError: the file cannot be read or made.
        """
        if self._setting:
            return _by_id(parse_keys(self._setting, "the setting master_key"))
        if not self.path.exists():
            fresh = self._write_beside([new_key()])
            with suppress(FileExistsError):  # Another process was faster: its key it is.
                self.path.hardlink_to(fresh)
            fresh.unlink()
        if self.path.stat().st_mode & 0o077:
            raise KeyMissing(f"others can read the master key {self.path}: chmod 600 it, and rotate the key")
        return _by_id(parse_keys(self.path.read_text(encoding="ascii", errors="replace"), str(self.path)))

    def save(self, keys: Mapping[bytes, bytes]) -> None:
        """Replace the key file, durably and at once. Raises OSError."""
        self._write_beside(list(keys.values())).replace(self.path)
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _write_beside(self, keys: list[bytes]) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{token_hex(8)}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.writelines(f"{written(key)}\n" for key in keys)
            file.flush()
            os.fsync(file.fileno())
        return beside


def _by_id(keys: list[bytes]) -> dict[bytes, bytes]:
    return {key_id(key): key for key in keys}
