"""What looking at sources needs: what the last look came to, folders, and files of other servers."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from dispatch.domain.source.events import SourceKind
from dispatch.domain.source.state import SourceStatus


class LookOutcome(StrEnum):
    """What a look came to."""

    NOTHING = "nothing"  # Nothing is there, or what is there was taken before.
    TAKEN = "taken"
    REFUSED = "refused"  # What was found cannot be taken.
    FAILED = "failed"  # Nobody could look.


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The last look at a source. `mark` tells unchanged content without reading it: an ETag, a size and time."""

    at: datetime
    next_at: datetime
    outcome: LookOutcome
    detail: str = ""  # What was wrong, where, and how to mend it.
    failures: int = 0  # One after the other.
    mark: str = ""


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A source as it is shown: how it was added, what came of it, and the last look."""

    source_id: str
    name: str
    kind: SourceKind
    location: str
    profile: str
    error_threshold_percent: int
    every_s: int
    status: SourceStatus
    added_by: str
    added_at: datetime
    changed_at: datetime
    batches: int  # New ones.
    known_again: int  # Findings that were a batch already.
    refused: int
    found_at: datetime | None
    found_file: str
    found_batch_id: str | None
    found_refused: str
    looked_at: datetime | None
    next_look_at: datetime | None
    outcome: LookOutcome | None
    detail: str
    failures: int


class SourceLooks(Protocol):
    """The last look at each source. Losing them costs one look more."""

    def last(self, source_id: str) -> Look | None:
        """The last look, if there was one. Raises LedgerUnavailable."""
        ...

    def hasten(self, source_id: str) -> None:
        """Let the next look be now. Raises LedgerUnavailable."""
        ...

    def note(self, source_id: str, look: Look) -> None:
        """Remember this look instead of the one before. Raises LedgerUnavailable."""
        ...


class LookFailed(Exception):
    """A source cannot be looked at. `code` is stable; no text of it holds a value from a file."""

    def __init__(self, code: str, what: str, fix: str) -> None:
        super().__init__(code, what, fix)
        self.code, self.what, self.fix = code, what, fix

    def __str__(self) -> str:
        return f"{self.what[:1].upper()}{self.what[1:]}: {self.fix}."


class FoundFile(Protocol):
    """A file that a source has: its name, and its bytes."""

    name: str
    mark: str

    def chunks(self) -> Iterator[bytes]:
        """The bytes. Raises LookFailed where they cannot be read to the end, or change meanwhile."""
        ...


class WatchedFile(FoundFile, Protocol):
    """A file in a watched folder, which is moved away in the end."""

    def take(self, day: str) -> None:
        """Move it to `taken/<day>/`. Raises LookFailed."""
        ...

    def refuse(self, why: str) -> None:
        """Move it to `refused/`, with `<name>.why.txt` beside it. Raises LookFailed."""
        ...


class Places(Protocol):
    """Reaches what sources name."""

    def check(self, kind: SourceKind, location: str) -> None:
        """May a source of this kind be there? Raises LookFailed."""
        ...

    def folder(self, location: str) -> AbstractContextManager[Sequence[WatchedFile]]:
        """The files of a folder that nobody writes any more. Raises LookFailed."""
        ...

    def file(self, location: str, mark: str) -> AbstractContextManager[FoundFile | None]:
        """A file; None where `mark` says that it is the same as before. Raises LookFailed."""
        ...

    def fetch(self, location: str, mark: str) -> AbstractContextManager[FoundFile | None]:
        """What a server has there; None where it is the same as before. Raises LookFailed."""
        ...
