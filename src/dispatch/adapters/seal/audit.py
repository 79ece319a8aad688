"""The audit: hash what is stored, and hold it against the tiles and every checkpoint, in the database and outside."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import psycopg

from dispatch.adapters.seal.comparison import Rows, compare, late, missing
from dispatch.adapters.seal.leaves import BEFORE_ALL, hash_rows, positions_of, read_rows
from dispatch.adapters.seal.strays import find_strays
from dispatch.adapters.seal.tiles import TILE_BYTES, WIDTH, Tile, TileMissing, Tiles
from dispatch.adapters.seal.verdicts import Findings
from dispatch.adapters.seal.witnesses import Witness
from dispatch.application.ports.evidence import Damage, DamageKind
from dispatch.domain.merkle import HASH_BYTES, Peaks, peaks_of, root_of, subtree

COUNT = "SELECT count(*) FROM ledger.stored_events WHERE notification_id BETWEEN %s AND %s"
PLACE = "SELECT originator_id::text, originator_version FROM ledger.stored_events WHERE notification_id = %s"
GAPS = """
WITH stored AS (
    SELECT originator_id, originator_version AS version, notification_id AS position,
           lag(originator_version, 1, 0::bigint) OVER stream AS version_before,
           lag(notification_id, 1, (-9223372036854775807)::bigint) OVER stream AS position_before
    FROM ledger.stored_events WINDOW stream AS (PARTITION BY originator_id ORDER BY originator_version)
)
SELECT originator_id::text, generate_series(version_before + 1, version - 1), position_before, position
FROM stored WHERE version > version_before + 1 LIMIT 10000
"""


class Audit:
    """One pass over the ledger. `rows` streams the events, `connection` asks everything else meanwhile."""

    def __init__(
        self,
        rows: psycopg.Connection[Any],
        connection: psycopg.Connection[Any],
        witnesses: Sequence[Witness],
        on_progress: Callable[[int, int], None],
    ) -> None:
        self._rows, self._connection, self._on_progress = rows, connection, on_progress
        self._tiles = Tiles(connection)
        self._witnesses = sorted(witnesses)
        self._size = self._witnesses[-1].size
        self._stored = max((witness.size for witness in witnesses if not witness.is_outside), default=0)
        self._findings = Findings(self._witnesses)

    def run(self, since: Witness | None) -> tuple[int, list[Damage]]:
        """Look at everything, or at what came after a checkpoint; answers how many events, and what is wrong."""
        start, after, tree = 0, BEFORE_ALL, Peaks()
        if since is not None:
            try:
                start, after, tree = self._begin_at(since)
            except TileMissing as error:
                return 0, [_tree_changed(since, str(error))]
            if self._findings.damage:
                return 0, self._findings.damage
        last = self._last_position()
        rows = Rows(read_rows(self._rows, after, through=last))
        self._findings.begin(start, tree)
        done = 0
        for tile in self._stretches(start // WIDTH, last):
            taken = rows.take_through(tile.positions[-1], len(tile.positions))
            self._findings.add(compare(tile, self._findings.size, taken))
            done += len(taken)
            self._on_progress(done, self._size - start)
        if since is None and self._findings.is_clean:
            self._look_at_levels()
        self._name_missing()
        return done, self._findings.conclude(self._place_of)

    def _begin_at(self, since: Witness) -> tuple[int, int, Peaks]:
        """Trust what the checkpoint signed, after a look at the stored tree and the number of events."""
        if root_of(since.size, self._tiles.node) != since.root:
            self._findings.damage.append(_tree_changed(since, "its root is another"))
            return 0, 0, Peaks()
        start = since.size - since.size % WIDTH
        after = self._tiles.position_of(start - 1) if start else BEFORE_ALL
        row = self._connection.execute(COUNT, (BEFORE_ALL + 1, after)).fetchone() if start else (0,)
        if row is not None and row[0] != start:
            came, gone = find_strays(self._connection, BEFORE_ALL, after)
            self._findings.damage += [missing(position) for position in gone]
            for position in came:
                row = self._connection.execute(PLACE, (position,)).fetchone()
                if row is not None:
                    self._findings.damage.append(late(position, *row))
        return start, after, peaks_of(start, self._tiles.node)

    def _stretches(self, number: int, last: int) -> Iterator[Tile]:
        """The tiles up to the size that was signed. For a lost or short one stands what the events themselves say."""
        stored = self._tiles.follow(number)
        following = next(stored, None)
        reached: int | None = None  # Not what a short tile says: it was filled up from the events.
        while number * WIDTH < self._size:
            width = min(WIDTH, self._size - number * WIDTH)
            if following is not None and following.number == number:
                tile, following = following, next(stored, None)
            else:
                tile = Tile(0, number, b"", ())
            if len(tile.positions) * HASH_BYTES != len(tile.hashes) or len(tile.positions) < width:
                if len(tile.positions) < min(width, self._stored - number * WIDTH):
                    self._findings.damage.append(_tile_changed(0, number))
                until = following.positions[0] - 1 if following is not None else last
                first = tile.positions[0] if tile.positions else self._first_of(number, reached)
                tile = self._from_events(number, first, until, width)
            if tile.positions:
                yield Tile(0, number, tile.hashes[: width * HASH_BYTES], tile.positions[:width])
                reached = tile.positions[:width][-1]
            number += 1

    def _first_of(self, number: int, reached: int | None) -> int:
        if reached is None:
            before = self._tiles.tile(0, number - 1) if number else None
            reached = before.positions[-1] if before and before.positions else BEFORE_ALL
        return reached + 1

    def _from_events(self, number: int, first: int, until: int, width: int) -> Tile:
        rows = list(read_rows(self._connection, first - 1, through=until, limit=width))
        return Tile(0, number, b"".join(hash_rows(rows)), positions_of(rows))

    def _last_position(self) -> int:
        """The position of the last event that was signed: from its tile or, where that is lost, from the checkpoint."""
        try:
            return self._tiles.position_of(self._size - 1)
        except TileMissing:
            return max(witness.position for witness in self._witnesses)

    def _look_at_levels(self) -> None:
        """The stored levels above the lowest one are what those below make them."""
        level, hashes = 1, b"".join(self._findings.roots)
        while hashes:
            above: list[bytes] = []
            for at in range(0, len(hashes), TILE_BYTES):
                expected, number = hashes[at : at + TILE_BYTES], at // TILE_BYTES
                tile = self._tiles.tile(level, number)
                if tile is None or tile.hashes[: len(expected)] != expected:
                    self._findings.damage.append(_tile_changed(level, number))
                if len(expected) == TILE_BYTES:
                    above.append(subtree(expected))
            level, hashes = level + 1, b"".join(above)

    def _name_missing(self) -> None:
        """A gap in the versions of one stream around a missing position says whose event it was."""
        damage = self._findings.damage
        gone = [one for one in damage if one.kind is DamageKind.EVENT_MISSING and one.position is not None]
        gaps = self._connection.execute(GAPS).fetchall() if gone else []
        for one in gone:
            position = one.position or 0
            fitting = [(stream, version) for stream, version, low, high in gaps if low < position < high]
            if len(fitting) == 1:
                damage[damage.index(one)] = missing(position, *fitting[0])

    def _place_of(self, index: int) -> Damage | None:
        """Where the event number `index` of the tree stands, as part of a damage."""
        try:
            position = self._tiles.position_of(index)
        except TileMissing:
            return None
        row = self._connection.execute(PLACE, (position,)).fetchone()
        stream, version = row or (None, None)
        return Damage(kind=DamageKind.TREE_CHANGED, what="", position=position, stream=stream, version=version)


def _tile_changed(level: int, number: int) -> Damage:
    what = f"tile {number} of level {level} of the stored tree is lost or not as it was written"
    return Damage(kind=DamageKind.TILE_CHANGED, what=what)


def _tree_changed(since: Witness, why: str) -> Damage:
    what = (
        f"the stored tree of the first {since.size} events is not the one that this checkpoint signed ({why}):"
        " verify the whole ledger to learn which event it is"
    )
    return Damage(kind=DamageKind.TREE_CHANGED, what=what, size=since.size)


def in_order(damage: Sequence[Damage]) -> list[Damage]:
    """That all of it is too old explains the rest. Then the first bad event first; what names no event comes last."""
    behind = DamageKind.LEDGER_BEHIND
    return sorted(damage, key=lambda one: (one.kind is not behind, one.position is None, one.position or 0))


def without_twins(damage: Sequence[Damage]) -> list[Damage]:
    """Each once."""
    return list({msgspec.json.encode(one): one for one in damage}.values())
