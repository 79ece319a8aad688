"""What has happened to a source. Names and fields are stored: extend them, never rename."""

from datetime import datetime
from enum import StrEnum

import msgspec


class SourceKind(StrEnum):
    """How rows come."""

    FOLDER = "folder"  # Files that appear in it are taken and moved away.
    FILE = "file"  # Looked at every so often.
    HTTP = "http"  # Asked for every so often.
    WEBHOOK = "webhook"  # Sends by itself.


class SourceEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fact about one source; its id comes from its name."""

    source_id: str
    at: datetime


class SourceAdded(SourceEvent, frozen=True, kw_only=True):
    """From now on it is looked at every so many seconds; a webhook, never."""

    name: str
    kind: SourceKind
    location: str
    profile: str
    error_threshold_percent: int
    every_s: int
    by: str


class SourcePaused(SourceEvent, frozen=True, kw_only=True):
    """Nothing is taken from it until it is resumed."""

    reason: str
    by: str


class SourceResumed(SourceEvent, frozen=True, kw_only=True):
    """It is looked at again."""

    by: str


class SourceRemoved(SourceEvent, frozen=True, kw_only=True):
    """It is looked at no more; what came from it stays."""

    reason: str
    by: str


class SourceChecked(SourceEvent, frozen=True, kw_only=True):
    """Something was found: a batch, which may be an older one, or a file that was `refused` under this code.

    Looks that find nothing new are no events.
    """

    file_name: str
    file_hash: str  # SHA-256 in hex; empty where the file was refused.
    batch_id: str
    is_new: bool
    refused: str


Event = SourceAdded | SourcePaused | SourceResumed | SourceRemoved | SourceChecked
