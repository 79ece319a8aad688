"""The note that a running system leaves in its data folder, so that other commands find it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from dispatch.entrypoints.settings import RUNTIME_FILE


@contextmanager
def runtime_note(data: Path, facts: dict[str, Any]) -> Iterator[None]:
    """The note stands while the block runs. Only its owner can read it: the URLs hold passwords."""
    path = data / RUNTIME_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as note:
        note.write(msgspec.json.format(msgspec.json.encode(facts), indent=2))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
