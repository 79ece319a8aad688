"""One stretch of the ledger beside its tile: which events are other than they were sealed, gone, or late."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from dispatch.adapters.seal.leaves import hash_rows, place_of, position_of, positions_of
from dispatch.adapters.seal.tiles import Tile
from dispatch.application.ports.evidence import Damage, DamageKind
from dispatch.domain.merkle import HASH_BYTES


class Rows:
    """Stored rows that are taken stretch by stretch."""

    def __init__(self, rows: Iterator[bytes]) -> None:
        self._rows, self._ahead = rows, list[bytes]()

    def take_through(self, position: int, usual: int) -> list[bytes]:
        """All rows up to this position. There should be `usual` many: so many are taken without a look at each."""
        taken = [*self._ahead, *islice(self._rows, max(0, usual - len(self._ahead)))]
        while taken and position_of(taken[-1]) < position and (row := next(self._rows, None)) is not None:
            taken.append(row)
        end = bisect_right(taken, position, key=position_of)
        self._ahead = taken[end:]
        return taken[:end]


class Compared(NamedTuple):
    """The leaf hashes as they were sealed and as they are, and what differs: by place in the tree, or beside it."""

    sealed: bytes
    found: bytes
    changed: list[tuple[int, Damage]]
    strays: list[Damage]


def compare(tile: Tile, first: int, rows: Sequence[bytes]) -> Compared:
    """The rows of a stretch and its tile, of which the first event is number `first` of the tree."""
    hashes, positions = hash_rows(rows), list(positions_of(rows))
    found = b"".join(hashes)
    if found == tile.hashes and positions == list(tile.positions):
        return Compared(found, found, [], [])
    by_position = {position: (row, leaf) for position, row, leaf in zip(positions, rows, hashes, strict=True)}
    leaves: list[bytes] = []
    changed: list[tuple[int, Damage]] = []
    strays: list[Damage] = []
    for offset, position in enumerate(tile.positions):
        sealed = tile.hashes[offset * HASH_BYTES : (offset + 1) * HASH_BYTES]
        row, leaf = by_position.pop(position, (None, sealed))
        leaves.append(leaf)
        if row is None:
            strays.append(missing(position))
        elif leaf != sealed:
            changed.append((first + offset, _changed(row)))
    strays += [late(*place_of(row)) for row, _ in by_position.values()]
    return Compared(tile.hashes, b"".join(leaves), changed, strays)


def missing(position: int, stream: str | None = None, version: int | None = None) -> Damage:
    """An event that was sealed and is gone."""
    name = f"version {version} of stream {stream}" if stream else "of a stream that nothing else names"
    what = f"the event at position {position}, {name}, was sealed and is gone"
    return Damage(kind=DamageKind.EVENT_MISSING, what=what, position=position, stream=stream, version=version)


def late(position: int, stream: str, version: int) -> Damage:
    """An event that came after its place was sealed."""
    what = (
        f"the event at position {position}, version {version} of stream {stream}, was put in after its place was sealed"
    )
    return Damage(kind=DamageKind.EVENT_LATE, what=what, position=position, stream=stream, version=version)


def _changed(row: bytes) -> Damage:
    position, stream, version = place_of(row)
    what = f"the event at position {position}, version {version} of stream {stream}, is not as it was sealed"
    return Damage(kind=DamageKind.EVENT_CHANGED, what=what, position=position, stream=stream, version=version)
