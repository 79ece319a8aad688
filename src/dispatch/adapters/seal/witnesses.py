"""What was signed, wherever a copy of it is: the checkpoints that an audit holds the ledger against."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import psycopg

from dispatch.adapters.seal.exports import CheckpointFolder
from dispatch.adapters.seal.notes import NoteInvalid, PublicKey, open_note
from dispatch.application.ports.evidence import Damage, DamageKind
from dispatch.domain.checkpoint import Checkpoint, CheckpointInvalid, parse_checkpoint

STORED = "SELECT size, previous, position, note FROM ledger.seal_checkpoints ORDER BY size"
IN_DATABASE = "the database"
EXPORTED = "the exported copy"


class Witness(NamedTuple):
    """A root that was signed over the first `size` events. The position is a hint: it is not signed."""

    size: int
    root: bytes
    position: int
    source: str

    @property
    def is_outside(self) -> bool:
        """It was out of reach of whoever owns the database."""
        return self.source != IN_DATABASE


def open_checkpoint(note: str, keys: Sequence[PublicKey]) -> Checkpoint:
    """The checkpoint of this log that one of the keys signed. Raises NoteInvalid, CheckpointInvalid."""
    checkpoint = parse_checkpoint(open_note(note, keys))
    if checkpoint.origin not in {key.name for key in keys}:
        raise CheckpointInvalid(f"it is a checkpoint of {checkpoint.origin}")
    return checkpoint


def stored_witnesses(
    connection: psycopg.Connection[Any], keys: Sequence[PublicKey]
) -> tuple[list[Witness], list[Damage]]:
    """The checkpoints of the database, and those that are not as they were signed, or gone."""
    found: list[Witness] = []
    damage: list[Damage] = []
    reached = 0
    with connection.transaction(), connection.cursor(name="checkpoints") as cursor:
        for size, previous, position, note in cursor.execute(STORED):
            if previous != reached:
                what = (
                    f"the checkpoint of {previous} events, on which that of {size} follows, is gone from the database"
                )
                damage.append(Damage(kind=DamageKind.CHECKPOINT_MISSING, what=what, size=previous))
            reached = size
            one = _witness(note, keys, size, position, IN_DATABASE)
            (damage if isinstance(one, Damage) else found).append(one)  # type: ignore[arg-type]  # by its own kind
    return found, damage


def exported_witnesses(
    exports: CheckpointFolder, keys: Sequence[PublicKey], stored: Iterable[Witness]
) -> tuple[list[Witness], list[Damage]]:
    """The exported checkpoints, and those that are not as they were signed, or that the database has lost.

    Those that are larger than any in the database are one damage together: it is behind what was signed.
    """
    found: list[Witness] = []
    damage: list[Damage] = []
    known = {witness.size: witness.position for witness in stored}
    newest = max(known, default=0)
    for exported in exports.all():
        one = _witness(exported.note, keys, exported.size, exported.position, EXPORTED)
        if isinstance(one, Damage):
            damage.append(one)
            continue
        found.append(one)
        if one.size < newest and one.size not in known:
            what = f"the checkpoint of {one.size} events was exported, and the database does not have it"
            damage.append(Damage(kind=DamageKind.CHECKPOINT_MISSING, what=what, size=one.size))
    ahead = max((one.size for one in found), default=0)
    if ahead > newest:
        what = (
            f"the database is behind what was signed: its newest checkpoint is of {newest} events, an exported one of"
            f" {ahead}, so it was restored from an older backup, or its end was cut off"
        )
        position = known.get(newest, 0) + 1  # Where it breaks off.
        damage.append(Damage(kind=DamageKind.LEDGER_BEHIND, what=what, size=ahead, position=position))
    return found, damage


def _witness(note: str, keys: Sequence[PublicKey], size: int, position: int, source: str) -> Witness | Damage:
    try:
        checkpoint = open_checkpoint(note, keys)
        if checkpoint.size != size:
            raise CheckpointInvalid(f"it was signed for {checkpoint.size} events")
    except (NoteInvalid, CheckpointInvalid) as error:
        what = f"the checkpoint of {size} events in {source} is not as it was signed: {error}"
        return Damage(kind=DamageKind.CHECKPOINT_CHANGED, what=what, size=size)
    return Witness(size, checkpoint.root, position, source)
