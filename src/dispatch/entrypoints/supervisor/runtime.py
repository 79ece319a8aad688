"""The note that a running system leaves in its data folder, so that other commands find it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from dispatch.entrypoints.settings import RUNTIME_FILE, process_started


@contextmanager
def runtime_note(data: Path, facts: dict[str, Any]) -> Iterator[None]:
    """The note of this process stands while the block runs. Only its owner can read it: the URLs hold passwords."""
    path, new = data / RUNTIME_FILE, data / f"{RUNTIME_FILE}.{os.getpid()}"
    facts = {**facts, "pid": os.getpid(), "pid_started": process_started(os.getpid())}
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as note:
        note.write(msgspec.json.format(msgspec.json.encode(facts), indent=2))
    new.replace(path)  # Whoever reads it reads it whole.
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
