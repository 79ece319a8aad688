"""What may be asked about a source."""

from datetime import datetime

import msgspec

from dispatch.domain.source.events import SourceKind


class SourceCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked about one source."""

    source_id: str
    at: datetime


class AddSource(SourceCommand, frozen=True, kw_only=True):
    """Take rows from there; a source that was removed may come back otherwise."""

    name: str
    kind: SourceKind
    location: str
    profile: str
    error_threshold_percent: int
    every_s: int
    by: str


class PauseSource(SourceCommand, frozen=True, kw_only=True):
    """Take nothing from it for now."""

    reason: str
    by: str


class ResumeSource(SourceCommand, frozen=True, kw_only=True):
    """Go on."""

    by: str


class RemoveSource(SourceCommand, frozen=True, kw_only=True):
    """Take nothing from it any more."""

    reason: str
    by: str


class RecordFinding(SourceCommand, frozen=True, kw_only=True):
    """A look found something: as in `SourceChecked`."""

    file_name: str
    file_hash: str
    batch_id: str
    is_new: bool
    refused: str


Command = AddSource | PauseSource | ResumeSource | RemoveSource | RecordFinding
