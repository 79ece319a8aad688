"""Writing a file that holds personal data: only its owner can read it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600


@contextmanager
def private_file(path: str) -> Iterator[BinaryIO]:
    """A file of mode 0600, there whole or not at all; `-` is the standard output. Raises OSError."""
    if path == "-":
        yield sys.stdout.buffer
        return
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
