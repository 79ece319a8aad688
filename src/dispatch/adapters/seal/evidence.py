"""The port `LedgerEvidence` on Postgres: one short-lived connection for each question."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from dispatch.adapters.seal.audit import Audit, in_order, without_twins
from dispatch.adapters.seal.exporting import write_export
from dispatch.adapters.seal.exports import CheckpointFolder
from dispatch.adapters.seal.keys import SealKey, trusted_keys
from dispatch.adapters.seal.leaves import BEFORE_ALL, read_rows
from dispatch.adapters.seal.notes import KeyInvalid, NoteInvalid, PublicKey, parse_public_key
from dispatch.adapters.seal.proofs import consistency_file, inclusion_file
from dispatch.adapters.seal.reading import read_entries
from dispatch.adapters.seal.strays import count_strays
from dispatch.adapters.seal.tiles import TileMissing, Tiles
from dispatch.adapters.seal.witnesses import Witness, exported_witnesses, open_checkpoint, stored_witnesses
from dispatch.application.ports.evidence import Entry, EntryQuery, EvidenceMissing, Sealed, Standing, Verdict
from dispatch.domain.checkpoint import Checkpoint, CheckpointInvalid
from dispatch.domain.merkle import ProofInvalid, root_of

DAMAGE_MAX = 100
NEWEST = "SELECT size, position, sealed_at, note FROM ledger.seal_checkpoints ORDER BY size DESC LIMIT 1"
OF_SIZE = "SELECT note FROM ledger.seal_checkpoints WHERE size = %s"
NEAREST = "SELECT size FROM ledger.seal_checkpoints ORDER BY abs(size - %s) LIMIT 1"
BEHIND = "SELECT count(*) FROM ledger.stored_events WHERE notification_id > %s"
BY_VERSION = (
    "SELECT notification_id FROM ledger.stored_events WHERE originator_id = %s::text::uuid AND originator_version = %s"
)
_VERSION = re.compile(r"([0-9a-fA-F-]{32,36}):([0-9]{1,18})", re.ASCII)


class PostgresEvidence:
    """Answers with what is stored now, what was signed, and what lies outside the database."""

    def __init__(self, url: str, key: SealKey, exports: CheckpointFolder) -> None:
        self._url, self._key, self._exports = url, key, exports

    def verify(self, *, since: str | None, key: str | None, on_progress: Callable[[int, int], None]) -> Verdict:
        """As the port says."""
        keys = self._keys(key)
        with self._connect() as rows, self._connect() as connection:
            stored, damage = stored_witnesses(connection, keys)
            exported, more = exported_witnesses(self._exports, keys, stored)
            begin = None if since is None else self._since(since, keys)
            witnesses = [*stored, *exported, *([begin] if begin else [])]
            if not witnesses:
                if damage or more:
                    return _verdict(0, 0, 0, (stored, exported), [*damage, *more])
                raise _nothing_sealed()
            events, found = Audit(rows, connection, witnesses, on_progress).run(begin)
            last = max(witness.position for witness in witnesses)
            row = connection.execute(BEHIND, (last,)).fetchone()
        size = max(witness.size for witness in witnesses)
        return _verdict(events, size, row[0] if row else 0, (stored, exported), [*found, *damage, *more])

    def prove(self, position: int) -> str:
        """As the port says."""
        keys = self._keys(None)
        with self._connect() as connection:
            checkpoint, note = self._newest(connection, keys)
            tiles = Tiles(connection)
            [*rows] = read_rows(connection, position - 1, through=position)
            index = tiles.index_of(position)
            if not rows or index is None or index >= checkpoint.size:
                raise _not_sealed(position, recorded=bool(rows))
            try:
                return inclusion_file(rows[0], index, checkpoint, note, tiles.node)
            except (ProofInvalid, TileMissing) as error:
                what = f"what is stored at position {position} is not what was sealed: {error}"
                raise EvidenceMissing(
                    "event_not_as_sealed", what, str(position), "run `dispatch ledger verify`"
                ) from error

    def consistency(self, first: int | str, second: int | str) -> str:
        """As the port says."""
        keys = self._keys(None)
        with self._connect() as connection:
            before, after = (self._signed(connection, which, keys) for which in (first, second))
            try:
                return consistency_file(before, after, Tiles(connection).node)
            except (ProofInvalid, TileMissing, ValueError) as error:
                sizes = f"{before[0].size} and {after[0].size}"
                what = f"nothing proves that the second checkpoint only adds to the first: {error}"
                raise EvidenceMissing("not_consistent", what, sizes, "run `dispatch ledger verify`") from error

    def latest(self) -> Sealed | None:
        """As the port says."""
        with self._connect() as connection:
            row = connection.execute(NEWEST).fetchone()
        if row is None:
            return None
        size, position, sealed_at, note = row
        root = note.split("\n")[2] if note.count("\n") > 2 else ""
        return Sealed(size=size, root=root, position=position, sealed_at=sealed_at, note=note)

    def standing(self) -> Standing:
        """As the port says."""
        outside = self._exports.latest()
        with self._connect() as connection:
            row = connection.execute(NEWEST).fetchone()
            size, position = row[:2] if row else (0, 0)
            late, missing = count_strays(connection, BEFORE_ALL, position, size) if size else ([], [])
        exported = outside.size if outside else 0
        return Standing(sealed=size, exported=exported, late=tuple(late), missing=tuple(missing))

    def export(
        self,
        path: Path,
        first: int,
        last: int | None,
        on_progress: Callable[[int, int], None],
        *,
        against: str | None = None,
    ) -> int:
        """As the port says."""
        keys = self._keys(None)
        with self._connect() as connection:
            tiles = Tiles(connection)
            signed = self._newest(connection, keys) if against is None else (self._open(against, keys), against)
            size = signed[0].size
            stretch = range(tiles.rank(first), size if last is None else min(size, tiles.rank(last + 1)))
            if not stretch:
                raise _not_sealed(first, recorded=False)
            try:
                if root_of(size, tiles.node) != signed[0].root:
                    what = f"the stored tree of the first {size} events is not the one that this checkpoint signed"
                    raise EvidenceMissing("not_consistent", what, str(size), "run `dispatch ledger verify`")
                return write_export(connection, path, stretch, signed, (keys, self._key.rotations()), on_progress)
            except TileMissing as error:
                what = f"the stored tree is damaged: {error}"
                raise EvidenceMissing(
                    "tree_damaged", what, "ledger.seal_tiles", "run `dispatch ledger verify`"
                ) from error

    def find(self, text: str) -> int:
        """As the port says."""
        if re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
            return int(text)
        by_version = _VERSION.fullmatch(text)
        if by_version is None:
            fix = "give a position, or STREAM:VERSION"
            raise EvidenceMissing("event_name_invalid", "this names no event", text, fix)
        with self._connect() as connection:
            row = connection.execute(BY_VERSION, (by_version[1], int(by_version[2]))).fetchone()
        if row is None:
            fix = "look for it with `dispatch ledger search --stream`"
            raise EvidenceMissing("event_unknown", "there is no such event", text, fix)
        return int(row[0])

    def entries(self, query: EntryQuery) -> list[Entry]:
        """As the port says."""
        with self._connect() as connection:
            return read_entries(connection, query)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, options="-c default_transaction_read_only=on")

    def _keys(self, text: str | None) -> list[PublicKey]:
        try:
            keys = trusted_keys(parse_public_key(text), self._key.rotations()) if text else self._key.trusted()
        except KeyInvalid as error:
            raise EvidenceMissing("key_invalid", str(error), "the key", "correct it, or name another") from error
        if not keys:
            what, fix = "there is no key to check signatures with", "name the public key with --key"
            raise EvidenceMissing("key_missing", what, str(self._key.path), fix)
        return keys

    def _since(self, note: str, keys: Sequence[PublicKey]) -> Witness:
        checkpoint = self._open(note, keys)
        return Witness(checkpoint.size, checkpoint.root, 0, "the given file")

    def _signed(
        self, connection: psycopg.Connection[Any], which: int | str, keys: Sequence[PublicKey]
    ) -> tuple[Checkpoint, str]:
        if isinstance(which, str):
            return self._open(which, keys), which
        row = connection.execute(OF_SIZE, (which,)).fetchone()
        if row is None:
            near = connection.execute(NEAREST, (which,)).fetchone()
            fix = f"the nearest one is of {near[0]} events" if near else "wait until the sealer has signed one"
            raise EvidenceMissing("checkpoint_unknown", "no checkpoint has this size", str(which), fix)
        return self._open(row[0], keys), row[0]

    def _newest(self, connection: psycopg.Connection[Any], keys: Sequence[PublicKey]) -> tuple[Checkpoint, str]:
        row = connection.execute(NEWEST).fetchone()
        if row is None:
            raise _nothing_sealed()
        return self._open(row[3], keys), row[3]

    def _open(self, note: str, keys: Sequence[PublicKey]) -> Checkpoint:
        try:
            return open_checkpoint(note, keys)
        except (NoteInvalid, CheckpointInvalid) as error:
            fix = "take a checkpoint of this ledger, or name its key with --key"
            raise EvidenceMissing("checkpoint_invalid", str(error), "the checkpoint", fix) from error


def _verdict(
    events: int, size: int, unsealed: int, compared: tuple[list[Witness], list[Witness]], damage: list[Any]
) -> Verdict:
    found = in_order(without_twins(damage))
    stored, exported = compared
    return Verdict(
        events=events,
        size=size,
        unsealed=unsealed,
        checkpoints=len(stored),
        exported=len(exported),
        damage=tuple(found[:DAMAGE_MAX]),
        damaged=len(found),
    )


def _nothing_sealed() -> EvidenceMissing:
    fix = "run the role `sealer`, or seal now with `dispatch ledger checkpoint --sign-now`"
    return EvidenceMissing("nothing_sealed", "nothing of this ledger is sealed yet", "ledger.seal_checkpoints", fix)


def _not_sealed(position: int, *, recorded: bool) -> EvidenceMissing:
    if not recorded:
        fix = "see what there is with `dispatch ledger tail`"
        return EvidenceMissing("event_unknown", "no sealed event stands there", str(position), fix)
    fix = "wait a second, or seal now with `dispatch ledger checkpoint --sign-now`"
    return EvidenceMissing("event_not_sealed", "the event is recorded but not sealed yet", str(position), fix)
