"""A checkpoint: how large the log was and the root over it, in the three lines of C2SP tlog-checkpoint."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

import msgspec

from dispatch.domain.merkle import HASH_BYTES

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class CheckpointInvalid(Exception):
    """The text is not a checkpoint; the message says why."""


class Checkpoint(msgspec.Struct, frozen=True):
    """The log `origin` had `size` events, and this was the root over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that this text is; extension lines are accepted and left aside, as the format asks.

    Raises:
        CheckpointInvalid: the text has fewer than three lines, or one of them is not what it must be.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise CheckpointInvalid("a checkpoint is three lines: the origin, the size, and the root")
    origin, size, root = lines[:3]
    if not _SIZE.fullmatch(size):
        raise CheckpointInvalid(f"the size {size!r} is not a decimal number")
    try:
        root_bytes = b64decode(root, validate=True)
    except Base64Error as error:
        raise CheckpointInvalid(f"the root is not base64: {error}") from error
    if len(root_bytes) != HASH_BYTES or b64encode(root_bytes).decode() != root:
        raise CheckpointInvalid(f"the root is not {HASH_BYTES} bytes in base64")
    return Checkpoint(origin, int(size), root_bytes)
