"""The sealer: follows the ledger, grows the tree, and signs what it has come to. Nothing waits for it."""

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import structlog

from dispatch.adapters.postgres.locks import Lock
from dispatch.adapters.seal.exports import CheckpointFolder, Exported
from dispatch.adapters.seal.keys import SealKey, trusted_keys
from dispatch.adapters.seal.leaves import BEFORE_ALL, hash_next, read_rows
from dispatch.adapters.seal.notes import NoteInvalid, PrivateKey, open_note, sign_note
from dispatch.adapters.seal.strays import count_strays
from dispatch.adapters.seal.tiles import WIDTH, Growth, TileMissing, Tiles
from dispatch.domain.checkpoint import Checkpoint, CheckpointInvalid, parse_checkpoint
from dispatch.domain.merkle import EMPTY_ROOT, ProofInvalid, consistency_proof, root_of, verify_consistency

log = structlog.get_logger(__name__)

"""Held by a step: leadership makes one sealer the usual case, this makes two harmless."""
EVENTS_PER_CHECKPOINT = 4_096
CHECKPOINTS_PER_STEP = 16
WATCHED = 64
"""So many of the last steps are counted again: a late id comes soon or, by a hand, at any time."""
WATCHED_EVENTS = 32_768
"""Of those, so many events are counted at every look, all at each WATCHED-th: it would cost appends under load."""

LAST = "SELECT size, position, note FROM ledger.seal_checkpoints ORDER BY size DESC LIMIT 1"
RECORD = (
    "INSERT INTO ledger.seal_checkpoints (size, previous, position, note)"
    " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[])"
)
NEWEST = "SELECT size, position, sealed_at, note FROM ledger.seal_checkpoints ORDER BY size DESC LIMIT 1"


class SealRefused(Exception):
    """Signing would contradict what was signed before, or what was signed is not what is stored: a person must look."""


class _Signed(NamedTuple):
    checkpoint: Checkpoint
    position: int


class Sealer:
    """Seals in steps. Two at once are safe: the second one's checkpoint is refused by the database."""

    def __init__(self, url: str, key: SealKey, exports: CheckpointFolder) -> None:
        self._url, self._key, self._exports = url, key, exports
        self._connection: psycopg.Connection[Any] | None = None
        self._growth: Growth | None = None
        self._last = _Signed(Checkpoint("", 0, EMPTY_ROOT), 0)
        self._watched: deque[tuple[int, int]] = deque(maxlen=WATCHED)  # Position and size after each step.
        self._alarmed: set[int] = set()
        self._looks = 0

    def step(self) -> int:
        """Seal what is new, up to 65,536 events; answers how many there were.

        Fewer than EVENTS_PER_CHECKPOINT: all that was there is sealed. Whoever steps on until there are none keeps
        pace with those who append, and signs each append.

        Raises:
            SealRefused: what is stored contradicts what was signed; nothing is signed.
            KeyInvalid, OSError: the key file cannot be used.
            psycopg.Error: Postgres does not answer, or another sealer was faster; call again.
        """
        try:
            return self._step()
        except (SealRefused, psycopg.Error, OSError):
            self._growth = None  # Begin again from what is stored.
            raise
        except (TileMissing, ProofInvalid) as error:
            self._growth = None
            raise SealRefused(f"the stored tree is not the signed one: {error}") from error

    def export(self) -> bool:
        """Copy the newest checkpoint out of the database; False when that was done before."""
        row = self._open().execute(NEWEST).fetchone()
        if row is None:
            return False
        size, position, sealed_at, note = row
        known = self._exports.latest()
        if known is not None and known.size >= size:
            return False
        exported = Exported(size=size, position=position, sealed_at=sealed_at, note=note)
        self._exports.append(exported, self._key.signer().public.text())
        return True

    def check_strays(self, *, everything: bool = False) -> list[int]:
        """The positions of events that are late or gone, among the last ones sealed or all; an alarm for new ones."""
        if self._growth is None or not self._watched:
            return []
        connection, [position, size] = self._open(), self._watched[-1]
        after, before = (BEFORE_ALL, 0) if everything else self._watched_since(size - WATCHED_EVENTS)
        late, missing = count_strays(connection, after, position, size - before)
        strays = [*late, *missing]
        if not self._alarmed.issuperset(strays):
            log.error("seal.alarm", late=late[:10], missing=missing[:10], strays=len(strays))
        if everything or strays:
            self._alarmed = set(strays) if everything else self._alarmed.union(strays)
        return strays

    def _watched_since(self, size: int) -> tuple[int, int]:
        self._looks += 1
        if self._looks % WATCHED == 0:
            return self._watched[0]
        return max((step for step in self._watched if step[1] <= size), default=self._watched[0])

    def close(self) -> None:
        """Close the connection; the next step opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._growth = None, None

    def _step(self) -> int:
        connection, signer = self._open(), self._key.signer()
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (Lock.SEAL,))
            growth, self._growth = self._growth, None  # Until the transaction is through, it is not what is stored.
            if growth is None or self._overtaken(connection):
                growth = self._resume(connection, signer)
            room = CHECKPOINTS_PER_STEP * EVENTS_PER_CHECKPOINT - growth.size % EVENTS_PER_CHECKPOINT
            signed = list(_grow(growth, read_rows(connection, self._last.position, limit=room), signer.public.name))
            if signed:
                self._record(connection, growth, signed, signer)
        sealed = growth.size - self._last.checkpoint.size
        self._last, self._growth = (signed or [self._last])[-1], growth
        if sealed:
            self._watched.append((self._last.position, self._last.checkpoint.size))
        return sealed

    def _overtaken(self, connection: psycopg.Connection[Any]) -> bool:
        """Another sealer has gone on."""
        row = connection.execute(LAST).fetchone()
        return (row[0] if row else 0) != self._last.checkpoint.size

    def _record(
        self, connection: psycopg.Connection[Any], growth: Growth, signed: list[_Signed], signer: PrivateKey
    ) -> None:
        """Write the tiles, prove from them that each checkpoint adds to the one before it, and only then sign."""
        tiles = Tiles(connection)
        if not tiles.write(growth.take_changed()):
            raise SealRefused("a stored tile is not the beginning of what it has to become")
        previous, columns = self._last, ([], [], [], [])  # type: ignore[var-annotated]
        for one in signed:
            before, after = previous.checkpoint, one.checkpoint
            proof = consistency_proof(before.size, after.size, tiles.node)
            verify_consistency(before.size, after.size, before.root, after.root, proof)
            row = (after.size, before.size, one.position, sign_note(after.text(), [signer]))
            for column, value in zip(columns, row, strict=True):
                column.append(value)
            previous = one
        connection.execute(RECORD, columns)

    def _resume(self, connection: psycopg.Connection[Any], signer: PrivateKey) -> Growth:
        """The tree as it was last signed, checked against that signature and the copy outside the database."""
        keys, tiles = trusted_keys(signer.public, self._key.rotations()), Tiles(connection)
        row = connection.execute(LAST).fetchone()
        self._last = _Signed(Checkpoint(signer.public.name, 0, EMPTY_ROOT), 0)
        try:
            if row is not None:
                size, position, note = row
                self._last = _Signed(parse_checkpoint(open_note(note, keys)), position)
                if self._last.checkpoint.size != size:
                    raise SealRefused(f"the checkpoint of size {size} says it is of size {self._last.checkpoint.size}")
            last, outside = self._last.checkpoint, self._exports.latest()
            growth = Growth(last.size, tiles)
            if growth.root() != last.root:
                raise SealRefused(f"the stored tree of {last.size} events does not have the root that was signed")
            if outside is not None:
                _compare(last, parse_checkpoint(open_note(outside.note, keys)), tiles)
        except (NoteInvalid, CheckpointInvalid) as error:
            raise SealRefused(f"the last checkpoint cannot be trusted: {error}") from error
        self._watched.clear()
        self._watched.append((self._last.position, self._last.checkpoint.size))
        return growth

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True)
            self._growth = None
        return self._connection


def _grow(growth: Growth, rows: Iterator[bytes], origin: str) -> Iterator[_Signed]:
    """Add the rows, and give what there is to sign: at every 4,096 events, and at the end.

    A tile at a time: what Postgres sends meanwhile fits into the socket, so it reads on while we hash.
    """
    last: int | None = None  # Of what is added and not signed yet.
    while True:
        hashes, positions = hash_next(rows, _room(growth.size))
        if hashes:
            growth.add(hashes, positions)
            last = positions[-1]
        if last is not None and (not hashes or growth.size % EVENTS_PER_CHECKPOINT == 0):
            yield _Signed(Checkpoint(origin, growth.size, growth.root()), last)
            last = None
        if not hashes:
            return


def _room(size: int) -> int:
    """How many events are added before a tile is full or a checkpoint is due."""
    return min(WIDTH - size % WIDTH, EVENTS_PER_CHECKPOINT - size % EVENTS_PER_CHECKPOINT)


def _compare(last: Checkpoint, outside: Checkpoint, tiles: Tiles) -> None:
    if outside.origin != last.origin:
        return
    if outside.size > last.size:
        raise SealRefused(
            f"the exported checkpoint covers {outside.size} events, the database only {last.size}: some are gone,"
            " as after a restore from a backup that is older than the checkpoint"
        )
    if root_of(outside.size, tiles.node) != outside.root:
        raise SealRefused(f"the exported checkpoint of size {outside.size} is not of the tree in the database")
