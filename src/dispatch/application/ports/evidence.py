"""Evidence that the ledger is as it was recorded: checking it, proving one event, reading it as it is stored."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is stored; `state` is not decoded."""

    position: int
    stream: str
    version: int
    name: str
    recorded_at: datetime
    actor: str | None
    correlation_id: str | None
    causation_id: str | None
    state: bytes


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A signed checkpoint over the first `size` events, of which the last stands at `position`."""

    size: int
    root: str  # base64
    position: int
    sealed_at: datetime
    note: str


class DamageKind(StrEnum):
    """What an audit can find."""

    EVENT_CHANGED = "event_changed"
    EVENT_MISSING = "event_missing"
    EVENT_LATE = "event_late"
    TAIL_MISSING = "tail_missing"
    TREE_CHANGED = "tree_changed"
    TILE_CHANGED = "tile_changed"
    CHECKPOINT_CHANGED = "checkpoint_changed"
    CHECKPOINT_MISSING = "checkpoint_missing"
    LEDGER_BEHIND = "ledger_behind"


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it was recorded. Where an event is known, it is named by its place."""

    kind: DamageKind
    what: str
    position: int | None = None
    stream: str | None = None
    version: int | None = None
    size: int | None = None  # Of the checkpoint that shows it.


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit looked at, and the damage that it found, the first bad event first."""

    events: int  # Hashed anew.
    size: int  # Sealed in all.
    unsealed: int  # Recorded behind the last checkpoint: not yet evidence.
    checkpoints: int  # Signed, and compared with what was found: those of the database
    exported: int  # and those outside it.
    damage: tuple[Damage, ...]
    damaged: int  # How many there are; `damage` lists the first ones.

    @property
    def is_good(self) -> bool:
        """Nothing was found."""
        return not self.damaged


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far the ledger is sealed, and what stands out without hashing anything."""

    sealed: int  # Events under the newest checkpoint of the database
    exported: int  # and under the newest one outside it.
    late: tuple[int, ...]  # Positions of events that came after their place was sealed,
    missing: tuple[int, ...]  # and of those that were sealed and are gone.


class EvidenceMissing(Exception):
    """There is nothing to check with: no key, no checkpoint, or an event that is not sealed yet."""

    def __init__(self, code: str, what: str, where: str, fix: str) -> None:
        super().__init__(code, what, where, fix)
        self.code, self.what, self.where, self.fix = code, what, where, fix


class EntryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are wanted; what is empty does not choose. A name without a version means all its versions."""

    stream: str = ""
    name: str = ""
    actor: str = ""
    command: str = ""
    correlation: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0
    through: int = 0
    limit: int = 100
    newest_first: bool = False


class LedgerEvidence(Protocol):
    """What an auditor asks of the ledger. Everything raises psycopg.Error when Postgres does not answer."""

    def verify(self, *, since: str | None, key: str | None, on_progress: Callable[[int, int], None]) -> Verdict:
        """Hash what is stored and compare it with every checkpoint, or only what came after the checkpoint `since`.

        With `key`, a public key, nothing that lies on this machine is trusted but the exported checkpoints.

        Raises:
            EvidenceMissing: there is no key, or nothing is sealed, or `since` is not a checkpoint of this log.
        """
        ...

    def prove(self, position: int) -> str:
        """A proof (C2SP tlog-proof) that this event is in the newest checkpoint. Raises EvidenceMissing."""
        ...

    def consistency(self, first: int | str, second: int | str) -> str:
        """A proof that the second checkpoint only adds to the first, each given by its size or as its note.

        Raises:
            EvidenceMissing: there is no such checkpoint, or there is no such proof: the history was rewritten.
        """
        ...

    def latest(self) -> Sealed | None:
        """The newest checkpoint."""
        ...

    def standing(self) -> Standing:
        """A quick look: positions are counted and compared, nothing is hashed."""
        ...

    def export(
        self,
        path: Path,
        first: int,
        last: int | None,
        on_progress: Callable[[int, int], None],
        *,
        against: str | None = None,
    ) -> int:
        """Write the sealed entries of these positions with what proves them; answers how many.

        What proves them is the newest checkpoint, or `against`, the note of one that somebody has kept.

        Raises:
            EvidenceMissing: none of them is sealed, or the ledger is not the one that `against` signed.
        """
        ...

    def find(self, text: str) -> int:
        """The position that is meant: a position, or STREAM:VERSION. Raises EvidenceMissing."""
        ...

    def entries(self, query: EntryQuery) -> list[Entry]:
        """What is stored, as it is."""
        ...
