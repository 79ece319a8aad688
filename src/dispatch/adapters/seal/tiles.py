"""The stored tree: tiles of 256 hashes as in C2SP tlog-tiles, and the positions of the events under the lowest ones."""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import psycopg

from dispatch.domain.merkle import HASH_BYTES, Peaks, peaks_of, subtree

WIDTH = 256
LEVELS = 8  # 2**8 == WIDTH: a tile covers so many levels of the tree.
TILE_BYTES = WIDTH * HASH_BYTES
CACHED_MAX = 512

READ = "SELECT hashes, first_position, last_position, positions FROM ledger.seal_tiles WHERE level = %s AND index = %s"
FOLLOW = (
    "SELECT index, hashes, first_position, last_position, positions FROM ledger.seal_tiles"
    " WHERE level = 0 AND index >= %s ORDER BY index LIMIT %s"
)
FIND = (
    "SELECT index FROM ledger.seal_tiles WHERE level = 0 AND first_position <= %s ORDER BY first_position DESC LIMIT 1"
)
WRITE = """
INSERT INTO ledger.seal_tiles AS stored (level, index, hashes, first_position, last_position, positions)
SELECT * FROM unnest(%b::smallint[], %b::bigint[], %b::bytea[], %b::bigint[], %b::bigint[], %b::bytea[])
ON CONFLICT (level, index) DO UPDATE
SET hashes = excluded.hashes, last_position = excluded.last_position, positions = excluded.positions
WHERE substring(excluded.hashes FROM 1 FOR length(stored.hashes)) = stored.hashes
  AND stored.first_position IS NOT DISTINCT FROM excluded.first_position
"""


class TileMissing(Exception):
    """The tree needs a hash that is not stored."""

    def __init__(self, level: int, index: int) -> None:
        super().__init__(f"tile {index} of level {level} is missing or too short")


class Tile(NamedTuple):
    """Up to 256 hashes; at level 0 with the positions of their events."""

    level: int
    number: int
    hashes: bytes
    positions: Sequence[int]


class Tiles:
    """Reads tiles, and keeps the last ones that were asked for."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._cache: dict[tuple[int, int], Tile | None] = {}

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._cache.clear()

    def tile(self, level: int, index: int) -> Tile | None:
        """One tile, as it is stored."""
        if (level, index) not in self._cache:
            if len(self._cache) >= CACHED_MAX:
                self._cache.clear()
            row = self._connection.execute(READ, (level, index), binary=True).fetchone()
            self._cache[level, index] = None if row is None else _tile(level, index, *row)
        return self._cache[level, index]

    def node(self, level: int, index: int) -> bytes:
        """The root of a complete subtree: the `Node` of this tree. Raises TileMissing."""
        tile_level, inside = divmod(level, LEVELS)
        tile_index, offset = divmod(index << inside, WIDTH)
        tile = self.tile(tile_level, tile_index)
        hashes = tile.hashes[offset * HASH_BYTES : (offset + (1 << inside)) * HASH_BYTES] if tile else b""
        if len(hashes) != HASH_BYTES << inside:
            raise TileMissing(tile_level, tile_index)
        return subtree(hashes)

    def follow(self, index: int = 0, *, at_once: int = 64) -> Iterator[Tile]:
        """The tiles of events from this one on, in order; one that is missing is left out."""
        while True:
            rows = self._connection.execute(FOLLOW, (index, at_once), binary=True).fetchall()
            for row in rows:
                yield _tile(0, *row)
            if len(rows) < at_once:
                return
            index = rows[-1][0] + 1

    def rank(self, position: int) -> int:
        """How many sealed events stand before a position."""
        row = self._connection.execute(FIND, (position,)).fetchone()
        tile = None if row is None else self.tile(0, row[0])
        return 0 if tile is None else tile.number * WIDTH + bisect_left(tile.positions, position)

    def index_of(self, position: int) -> int | None:
        """The place in the tree of the event at a position; None when it is not sealed."""
        index = self.rank(position)
        try:
            return index if self.position_of(index) == position else None
        except TileMissing:
            return None

    def position_of(self, index: int) -> int:
        """The position of the event at this place in the tree. Raises TileMissing."""
        tile_index, offset = divmod(index, WIDTH)
        tile = self.tile(0, tile_index)
        if tile is None or offset >= len(tile.positions):
            raise TileMissing(0, tile_index)
        return tile.positions[offset]

    def write(self, tiles: Sequence[Tile]) -> bool:
        """Store new tiles, and longer forms of those at the edge; False when what is stored is not their beginning."""
        leaves = [tile.positions if tile.level == 0 else None for tile in tiles]
        columns = (
            [tile.level for tile in tiles],
            [tile.number for tile in tiles],
            [tile.hashes for tile in tiles],
            [positions[0] if positions else None for positions in leaves],
            [positions[-1] if positions else None for positions in leaves],
            [_packed(positions) if positions else None for positions in leaves],
        )
        self.forget()
        return self._connection.execute(WRITE, columns).rowcount == len(tiles)


class Growth:
    """The tree's right edge, which grows; and the tiles that have changed since they were last taken."""

    def __init__(self, size: int, tiles: Tiles) -> None:
        """The edge of the stored tree of `size` leaves. Raises TileMissing."""
        complete = size // WIDTH
        self.size = size
        self._peaks = peaks_of(complete * WIDTH, tiles.node)
        self._edges: list[bytes] = []
        self._positions: list[int] = []
        self._changed: dict[tuple[int, int], Tile] = {}
        level = 0
        while size:
            index, width = divmod(size, WIDTH)
            tile = tiles.tile(level, index) if width else None
            if width and (tile is None or len(tile.hashes) < width * HASH_BYTES):
                raise TileMissing(level, index)
            self._edges.append(tile.hashes[: width * HASH_BYTES] if tile else b"")
            if level == 0 and tile:
                self._positions = list(tile.positions[:width])
            size, level = index, level + 1

    def add(self, leaves: Iterable[bytes], positions: Iterable[int]) -> None:
        """Add events by their leaf hashes and positions."""
        edge, places = self._edge(0) + b"".join(leaves), [*self._positions, *positions]
        index = self.size // WIDTH
        while len(edge) >= TILE_BYTES:
            tile, edge = edge[:TILE_BYTES], edge[TILE_BYTES:]
            self._changed[0, index] = Tile(0, index, tile, places[:WIDTH])
            del places[:WIDTH]
            root = subtree(tile)
            self._peaks.append(root, LEVELS)
            self._promote(1, index, root)
            index += 1
        if edge:
            self._changed[0, index] = Tile(0, index, edge, tuple(places))
        self._edges[0], self._positions = edge, places
        self.size = index * WIDTH + len(places)

    def root(self) -> bytes:
        """The root over all of it."""
        tree: Peaks = self._peaks.copy()
        tree.extend(self._edges[0] if self._edges else b"")
        return tree.root()

    def take_changed(self) -> list[Tile]:
        """What has to be written."""
        changed, self._changed = self._changed, {}
        return list(changed.values())

    def _promote(self, level: int, place: int, added: bytes) -> None:
        """The tile `place` of the level below is whole, and this is its root."""
        edge, index = self._edge(level) + added, place // WIDTH
        self._changed[level, index] = Tile(level, index, edge, ())
        if len(edge) == TILE_BYTES:
            self._promote(level + 1, index, subtree(edge))
            edge = b""
        self._edges[level] = edge

    def _edge(self, level: int) -> bytes:
        while len(self._edges) <= level:
            self._edges.append(b"")
        return self._edges[level]


def _tile(level: int, index: int, hashes: bytes, first: int | None, last: int | None, positions: bytes | None) -> Tile:
    places: Sequence[int] = ()
    if positions is not None:
        places = struct.unpack(f">{len(positions) // 8}q", positions)
    elif first is not None and last is not None:
        places = range(first, last + 1)
    return Tile(level, index, bytes(hashes), places)


def _packed(positions: Sequence[int]) -> bytes | None:
    """The positions where they have gaps."""
    if positions[-1] - positions[0] + 1 == len(positions):
        return None
    return struct.pack(f">{len(positions)}q", *positions)
